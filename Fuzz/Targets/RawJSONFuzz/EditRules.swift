import FuzzSupport
import RawJSON

/// What must hold of edits: what was set is there afterwards, and the document is still one.
enum EditRules {
    static func check(_ value: [UInt8], at pointer: [UInt8], in document: [UInt8]) {
        let edited = withExactCopy(of: value) { value in
            withExactCopy(of: pointer) { pointer in
                withExactCopy(of: document) { document in
                    try? JSONEdit.setting(
                        UnsafeRawBufferPointer(value), at: UnsafeRawBufferPointer(pointer),
                        in: UnsafeRawBufferPointer(document))
                }
            }
        }
        guard let edited else { return }
        require(
            JSONScanner.isValid(document) && JSONScanner.isValid(value), "nothing is set of, or in, what is no JSON")
        require(
            JSONScanner.isValid(edited) || depth(document) + depth(value) > JSONScanner.maximumDepth,
            "an edited document is one")
        checkBuffer(edited, value, pointer, document)

        let steps = pointer.withUnsafeBytes { PointerRules.steps(of: $0) }
        guard JSONScanner.isValid(edited), let steps, String(validating: pointer, as: UTF8.self) != nil else { return }
        let found = pointer.withUnsafeBytes { pointer in
            edited.withUnsafeBytes { try? JSONPointer.find(pointer, in: $0) }
        }
        // `-` names the place past the end, which has moved.
        guard let found else { return require(steps.last == [UInt8(ascii: "-")], "what was set is there") }
        require(
            (try? JSONValue(parsing: Array(edited[found.range]))) == (try? JSONValue(parsing: value)),
            "what was set is what is there")
    }

    private static func checkBuffer(_ edited: [UInt8], _ value: [UInt8], _ pointer: [UInt8], _ document: [UInt8]) {
        for size in [0, edited.count / 2, edited.count] {
            withExactCopy(of: [UInt8](repeating: 0xEE, count: size)) { buffer in
                let length = value.withUnsafeBytes { value in
                    pointer.withUnsafeBytes { pointer in
                        document.withUnsafeBytes { try? JSONEdit.set(value, at: pointer, in: $0, into: buffer) }
                    }
                }
                require(length == edited.count, "set(into:) returns the length of the whole document")
                if size == edited.count { require(buffer.elementsEqual(edited), "set(into:) writes the document") }
            }
        }
    }

    /// At least how deep it nests.
    private static func depth(_ document: [UInt8]) -> Int {
        document.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
    }
}
