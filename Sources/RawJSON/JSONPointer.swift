/// JSON Pointer, RFC 6901: `/rooms/0/name`.
///
/// A pointer is followed straight through the raw document: nothing is parsed into a tree, nothing is allocated.
/// Keys are compared by what they mean, escapes on both sides decoded; among duplicate keys the last one counts, as in `JSON.parse`.
/// All functions are pure: call them from any thread.
public enum JSONPointer {
    /// Finds the value that `pointer` names.
    ///
    /// Only the containers on the way are read, each as far as needed, so a fault elsewhere in the document goes unnoticed.
    ///
    /// - Returns: where it stands in `document` and its kind; `nil` if nothing stands there. The empty pointer names the whole document.
    /// - Throws: ``JSONPointerError``.
    public static func find(_ pointer: UnsafeRawBufferPointer, in document: UnsafeRawBufferPointer) throws(JSONPointerError) -> JSONToken? {
        let start = JSONScanner.skipWhitespace(in: document, from: 0)
        guard start < document.count else { throw .malformedDocument }
        var value = start..<document.count
        var path = JSONPointerPath(pointer)
        if path.isAtEnd {
            guard let end = JSONScanner.endOfValue(in: document, from: start) else { throw .malformedDocument }
            value = start..<end
        }
        while let step = try path.next() {
            guard let child = try child(named: step, of: value, in: document) else {
                // A malformed pointer is an error wherever the document ends.
                while try path.next() != nil {}
                return nil
            }
            value = child
        }
        guard let kind = JSONKind(firstByte: document[value.lowerBound]) else { throw .malformedDocument }
        return JSONToken(range: value, kind: kind)
    }

    /// Finds the value that `pointer` names.
    public static func find(_ pointer: String, in document: [UInt8]) throws(JSONPointerError) -> JSONToken? {
        // Typed throws do not pass through `withUnsafeBytes` of every type; a result does.
        var pointer = pointer
        let result = pointer.withUTF8 { path in
            document.withUnsafeBytes { bytes in
                Result { () throws(JSONPointerError) in try find(UnsafeRawBufferPointer(path), in: bytes) }
            }
        }
        return try result.get()
    }

    /// The member or element, of the container that begins at `range`, that one step of a pointer names.
    static func child(
        named step: JSONPointerPath.Step, of range: Range<Int>, in document: UnsafeRawBufferPointer
    ) throws(JSONPointerError) -> Range<Int>? {
        switch JSONKind(firstByte: document[range.lowerBound]) {
        case .object:
            var walker = JSONObjectWalker(document, from: range.lowerBound)
            var found: Range<Int>?
            while true {
                switch walker.next() {
                case .member(let key, let value):
                    if step.isKey(UnsafeRawBufferPointer(rebasing: document[key])) { found = value }
                case .end: return found
                case .malformed: throw .malformedDocument
                }
            }
        case .array:
            guard let index = step.index else { return nil }
            var walker = JSONArrayWalker(document, from: range.lowerBound)
            var position = 0
            while true {
                switch walker.next() {
                case .element(let value):
                    if position == index { return value }
                    position += 1
                case .end: return nil
                case .malformed: throw .malformedDocument
                }
            }
        default:
            return nil
        }
    }
}
