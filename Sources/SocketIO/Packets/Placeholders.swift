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

    /// - Parameter bytes: a valid document, nested no deeper than `JSONScanner.maximumDepth`, on which
    ///   the scan may hence recurse.
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

    /// The value as an index of an array, as JavaScript would take it: `0`, `-0`, `1.0` and `1e0` are,
    /// `"0"` and `0.5` are none.
    private func index(_ value: Range<Int>) -> Int? {
        switch JSONNumber(UnsafeRawBufferPointer(rebasing: bytes[value])) {
        case .integer(let integer): integer >= 0 ? Int(integer) : nil
        case .double(let double): Int(exactly: double).flatMap { $0 >= 0 ? $0 : nil }
        case nil: nil
        }
    }
}

/// Arguments whose attachments go out as the reference sends them: `{"_placeholder":true,"num":n}` counting from 0 in
/// the order of the text, the attachments in that order; one named twice goes twice, one named nowhere not at all.
struct BoundArguments {
    /// `nil`: the arguments are that already.
    private(set) var rewritten: [UInt8]?

    /// Which attachment goes when.
    private(set) var order: [Int]

    init(_ args: UnsafeRawBufferPointer, attachmentCount: Int) {
        // What closes last but opens first can only be a placeholder within a placeholder, which nobody writes;
        // the inner one is dropped.
        var placeholders = Placeholders(in: args).all.sorted { $0.range.lowerBound < $1.range.lowerBound }
        var end = 0
        placeholders.removeAll { placeholder in
            guard placeholder.range.lowerBound >= end else { return true }
            end = placeholder.range.upperBound
            return false
        }
        order = []
        var isCanonical = true
        var output: [UInt8] = []
        var copied = 0
        for placeholder in placeholders {
            output.append(contentsOf: args[copied..<placeholder.range.lowerBound])
            copied = placeholder.range.upperBound
            let start = output.count
            if let number = placeholder.number, number < attachmentCount {
                output.append(contentsOf: #"{"_placeholder":true,"num":\#(order.count)}"#.utf8)
                order.append(number)
            } else {
                // No attachment to send: a client would close the connection over it.
                output.append(contentsOf: "null".utf8)
            }
            isCanonical = isCanonical && output[start...].elementsEqual(args[placeholder.range])
        }
        guard !isCanonical else { return }
        output.append(contentsOf: args[copied...])
        rewritten = output
    }

    /// Calls `body` with the arguments and attachments as they go out.
    static func withBound<Result>(
        _ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        _ body: (UnsafeRawBufferPointer, UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Result
    ) -> Result {
        guard !attachments.isEmpty else { return body(args, attachments) }
        let bound = BoundArguments(args, attachmentCount: attachments.count)
        return withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: bound.order.count) { ordered in
            for (place, index) in bound.order.enumerated() {
                ordered.initializeElement(at: place, to: attachments[index])
            }
            let ordered = UnsafeBufferPointer(ordered)
            guard let rewritten = bound.rewritten else { return body(args, ordered) }
            return rewritten.withUnsafeBytes { body($0, ordered) }
        }
    }
}
