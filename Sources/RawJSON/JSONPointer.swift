/// JSON Pointer, RFC 6901: `/rooms/0/name`.
///
/// Pointers are resolved in the raw document, without parsing it into a tree and without allocating. Keys are compared
/// decoded, with escapes on both sides; of duplicate keys the last one counts, as in `JSON.parse`. All functions are
/// pure: call them from any thread.
public enum JSONPointer {
    /// Finds the value at `pointer`.
    ///
    /// Reads only the containers on the path, each as far as needed, so an error elsewhere in the document is not
    /// noticed.
    ///
    /// - Returns: its range in `document` and its kind; `nil` if there is no such value. The empty pointer is the whole
    ///   document.
    /// - Throws: ``JSONPointerError``.
    public static func find(_ pointer: UnsafeRawBufferPointer, in document: UnsafeRawBufferPointer)
        throws(JSONPointerError) -> JSONToken?
    {
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
                // A malformed pointer is an error even if the document has no value there.
                while try path.next() != nil {}
                return nil
            }
            value = child
        }
        guard let kind = JSONKind(firstByte: document[value.lowerBound]) else { throw .malformedDocument }
        return JSONToken(range: value, kind: kind)
    }

    /// Finds the value at `pointer`; see the other `find`.
    public static func find(_ pointer: String, in document: [UInt8]) throws(JSONPointerError) -> JSONToken? {
        // `withUnsafeBytes` does not pass on typed throws, so a `Result` does.
        var pointer = pointer
        let result = pointer.withUTF8 { path in
            document.withUnsafeBytes { bytes in
                Result { () throws(JSONPointerError) in try find(UnsafeRawBufferPointer(path), in: bytes) }
            }
        }
        return try result.get()
    }

    /// The child that one step of a pointer names, in the container at `range`.
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

/// Why a pointer cannot be resolved.
public enum JSONPointerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The pointer is neither empty nor begins with `/`, or holds a `~` that is followed by neither `0` nor `1`.
    case malformedPointer
    /// The document is not valid JSON on the path of the pointer.
    case malformedDocument

    public var description: String {
        switch self {
        case .malformedPointer:
            "malformed JSON pointer: it must be empty or begin with '/', and '~' must be written '~0', '/' in a key '~1'"
        case .malformedDocument: "the document is not valid JSON"
        }
    }
}

/// Iterates over the reference tokens of a pointer, which are still escaped.
struct JSONPointerPath {
    /// One reference token: a key, or an index written in digits.
    struct Step {
        let text: UnsafeRawBufferPointer
        let hasEscapes: Bool

        /// Whether this is the token `-`, the position after an array's last element.
        var isPastEnd: Bool { text.count == 1 && text[0] == UInt8(ascii: "-") }

        /// The array index; `nil` if this is not an index. RFC 6901 does not allow leading zeros.
        var index: Int? {
            guard let first = text.first, first != UInt8(ascii: "0") || text.count == 1 else { return nil }
            var value = 0
            for byte in text {
                guard byte &- 0x30 < 10 else { return nil }
                let (product, overflow) = value.multipliedReportingOverflow(by: 10)
                let (sum, carry) = product.addingReportingOverflow(Int(byte &- 0x30))
                if overflow || carry { return nil }
                value = sum
            }
            return value
        }

        /// Whether the JSON string `token`, quotes included, decodes to the key of this step.
        func isKey(_ token: UnsafeRawBufferPointer) -> Bool {
            guard hasEscapes else { return JSONText.isEqual(token, to: text) }
            var decoder = JSONStringDecoder(content: UnsafeRawBufferPointer(rebasing: token[1..<token.count - 1]))
            var at = 0
            while let byte = nextByte(&at) {
                guard decoder.next() == byte else { return false }
            }
            return decoder.next() == nil
        }

        /// The decoded key of this step.
        var key: [UInt8] {
            var key: [UInt8] = []
            key.reserveCapacity(text.count)
            var at = 0
            while let byte = nextByte(&at) { key.append(byte) }
            return key
        }

        private func nextByte(_ at: inout Int) -> UInt8? {
            guard at < text.count else { return nil }
            let byte = text[at]
            at += 1
            guard byte == UInt8(ascii: "~") else { return byte }
            let escape = text[at]
            at += 1
            return escape == UInt8(ascii: "0") ? UInt8(ascii: "~") : UInt8(ascii: "/")
        }
    }

    private let pointer: UnsafeRawBufferPointer
    private var at = 0

    init(_ pointer: UnsafeRawBufferPointer) {
        self.pointer = pointer
    }

    /// Whether no step is left.
    var isAtEnd: Bool { at == pointer.count }

    /// The next step; `nil` after the last.
    mutating func next() throws(JSONPointerError) -> Step? {
        guard at < pointer.count else { return nil }
        guard pointer[at] == UInt8(ascii: "/") else { throw .malformedPointer }
        at += 1
        let start = at
        var hasEscapes = false
        while at < pointer.count, pointer[at] != UInt8(ascii: "/") {
            if pointer[at] == UInt8(ascii: "~") {
                at += 1
                guard at < pointer.count, pointer[at] == UInt8(ascii: "0") || pointer[at] == UInt8(ascii: "1") else {
                    throw .malformedPointer
                }
                hasEscapes = true
            }
            at += 1
        }
        return Step(text: UnsafeRawBufferPointer(rebasing: pointer[start..<at]), hasEscapes: hasEscapes)
    }
}
