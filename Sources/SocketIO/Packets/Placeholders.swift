import RawJSON

/// Where attachments belong in a JSON document: its objects with `"_placeholder":true`.
struct Placeholders {
    struct Placeholder: Equatable {
        /// The whole object.
        var range: Range<Int>
        /// Its member `num`, if that is one of the numbers 0, 1, 2, …
        var number: Int?
    }

    /// In the order in which the document closes them.
    private(set) var all: [Placeholder] = []

    private let bytes: UnsafeRawBufferPointer

    /// - Parameter bytes: a valid document, nested no deeper than `JSONScanner.maximumDepth`, on which the scan may hence recurse.
    init(in bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        guard !bytes.isEmpty else { return }
        _ = scanValue(from: 0)
    }

    /// Whether each names one of `count` attachments: else the reference closes the connection.
    func areInRange(_ count: Int) -> Bool {
        all.allSatisfy { $0.number.map { $0 < count } ?? false }
    }

    /// Looks at each byte once, and returns the offset past the value.
    private mutating func scanValue(from offset: Int) -> Int {
        let start = JSONScanner.skipWhitespace(in: bytes, from: offset)
        switch bytes[start] {
        case UInt8(ascii: "{"): return scanObject(from: start)
        case UInt8(ascii: "["):
            var at = JSONScanner.skipWhitespace(in: bytes, from: start + 1)
            while bytes[at] != UInt8(ascii: "]") {
                at = JSONScanner.skipWhitespace(in: bytes, from: scanValue(from: at))
                if bytes[at] == UInt8(ascii: ",") { at += 1 }
            }
            return at + 1
        default: return endOfScalar(from: start)
        }
    }

    private mutating func scanObject(from start: Int) -> Int {
        var isPlaceholder = false
        var number: Int?
        var at = JSONScanner.skipWhitespace(in: bytes, from: start + 1)
        while bytes[at] != UInt8(ascii: "}") {
            let keyEnd = endOfScalar(from: at)
            let key = UnsafeRawBufferPointer(rebasing: bytes[at..<keyEnd])
            let colon = JSONScanner.skipWhitespace(in: bytes, from: keyEnd)
            let value = JSONScanner.skipWhitespace(in: bytes, from: colon + 1)
            let end = scanValue(from: value)
            // Of equal keys the last one counts.
            if JSONText.isEqual(key, to: "_placeholder") {
                isPlaceholder = bytes[value] == UInt8(ascii: "t")
            } else if JSONText.isEqual(key, to: "num") {
                number = index(value..<end)
            }
            at = JSONScanner.skipWhitespace(in: bytes, from: end)
            if bytes[at] == UInt8(ascii: ",") { at = JSONScanner.skipWhitespace(in: bytes, from: at + 1) }
        }
        if isPlaceholder { all.append(Placeholder(range: start..<at + 1, number: number)) }
        return at + 1
    }

    private func endOfScalar(from start: Int) -> Int {
        // A valid document has a scalar here; whatever it had otherwise, the scan goes on and ends.
        JSONScanner.endOfValue(in: bytes, from: start, depthLimit: 0) ?? start + 1
    }

    /// The value as an index of an array, as JavaScript would take it: `0`, `-0`, `1.0` and `1e0` are, `"0"` and `0.5` are none.
    private func index(_ value: Range<Int>) -> Int? {
        switch JSONNumber(UnsafeRawBufferPointer(rebasing: bytes[value])) {
        case .integer(let integer): integer >= 0 ? Int(integer) : nil
        case .double(let double): Int(exactly: double).flatMap { $0 >= 0 ? $0 : nil }
        case nil: nil
        }
    }
}
