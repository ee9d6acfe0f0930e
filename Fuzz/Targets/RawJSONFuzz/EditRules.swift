import FuzzSupport
import RawJSON

/// Rules for edits: a value that was set can be found afterwards, and the document is still valid.
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
            JSONScanner.isValid(document) && JSONScanner.isValid(value),
            "an edit needs a valid value and a valid document")
        require(
            JSONScanner.isValid(edited) || depth(document) + depth(value) > JSONScanner.maximumDepth,
            "an edited document is valid")
        checkBuffer(edited, value, pointer, document)

        let steps = pointer.withUnsafeBytes { PointerRules.steps(of: $0) }
        guard JSONScanner.isValid(edited), let steps, String(validating: pointer, as: UTF8.self) != nil else { return }
        let found = pointer.withUnsafeBytes { pointer in
            edited.withUnsafeBytes { try? JSONPointer.find(pointer, in: $0) }
        }
        // `-` means the place past the end, which is now after the new element.
        guard let found else { return require(steps.last == [UInt8(ascii: "-")], "a value that was set is found") }
        require(
            (try? JSONValue(parsing: Array(edited[found.range]))) == (try? JSONValue(parsing: value)),
            "the value that is found is the one that was set")
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

    /// An upper bound of the nesting depth.
    private static func depth(_ document: [UInt8]) -> Int {
        document.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
    }
}
