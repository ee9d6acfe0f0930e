import FuzzSupport
import RawJSON

/// Rules for JSON pointers: they find what a walk through the tree finds.
enum PointerRules {
    static func check(_ pointer: [UInt8], in document: [UInt8]) {
        withExactCopy(of: document) { document in
            withExactCopy(of: pointer) { pointer in
                check(UnsafeRawBufferPointer(pointer), in: UnsafeRawBufferPointer(document))
            }
        }
    }

    private static func check(_ pointer: UnsafeRawBufferPointer, in document: UnsafeRawBufferPointer) {
        let found: JSONToken?
        do throws(JSONPointerError) {
            found = try JSONPointer.find(pointer, in: document)
        } catch {
            return require(
                steps(of: pointer) == nil || !JSONScanner.isValid(document),
                "a valid pointer in a valid document causes no error: \(error)")
        }
        if let found {
            require(
                !found.range.isEmpty && found.range.upperBound <= document.count,
                "the value that is found lies within the document")
        }
        guard let tree = try? JSONValue(parsing: document) else { return }
        guard let steps = steps(of: pointer) else { return require(false, "a malformed pointer is an error") }
        let expected = steps.reduce(tree as JSONValue?) { value, step in value.flatMap { child(of: $0, step) } }
        let value = found.map { token in
            try? JSONValue(parsing: UnsafeRawBufferPointer(rebasing: document[token.range]))
        }
        require(value == expected.map { $0 as JSONValue? }, "a pointer finds the same value as a walk through the tree")
        if let found { require(found.kind == expected?.kind, "the reported kind is that of the value") }
    }

    /// The steps of a pointer, unescaped; nil if it is malformed.
    static func steps(of pointer: UnsafeRawBufferPointer) -> [[UInt8]]? {
        var steps: [[UInt8]] = []
        var at = 0
        while at < pointer.count {
            let byte = pointer[at]
            at += 1
            if byte == UInt8(ascii: "/") {
                steps.append([])
            } else if steps.isEmpty {
                return nil
            } else if byte == UInt8(ascii: "~") {
                guard at < pointer.count, pointer[at] == UInt8(ascii: "0") || pointer[at] == UInt8(ascii: "1") else {
                    return nil
                }
                steps[steps.count - 1].append(pointer[at] == UInt8(ascii: "0") ? byte : UInt8(ascii: "/"))
                at += 1
            } else {
                steps[steps.count - 1].append(byte)
            }
        }
        return steps
    }

    private static func child(of value: JSONValue, _ step: [UInt8]) -> JSONValue? {
        switch value {
        case .object(let members): members.last { $0.key.utf8.elementsEqual(step) }?.value
        case .array(let elements): elements.indices.first { String($0).utf8.elementsEqual(step) }.map { elements[$0] }
        default: nil
        }
    }
}
