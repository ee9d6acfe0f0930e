import RawJSON

/// The positions of attachments in a JSON document: its objects with `"_placeholder":true`.
struct Placeholders {
    struct Placeholder: Equatable {
        /// The range of the whole object.
        var range: Range<Int>
        /// Its member `num` if that is a non-negative integer.
        var number: Int?
    }

    /// In the order in which the objects end.
    private(set) var all: [Placeholder] = []

    private let bytes: UnsafeRawBufferPointer

    /// - Parameter bytes: a valid document, nested at most `JSONScanner.maximumDepth` deep because the scan recurses.
    init(in bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        guard !bytes.isEmpty else { return }
        _ = scanValue(from: 0)
    }

    /// Whether each placeholder names one of `count` attachments; otherwise the reference closes the connection.
    func areInRange(_ count: Int) -> Bool {
        all.allSatisfy { $0.number.map { $0 < count } ?? false }
    }

    /// Scans one value, each byte once, and returns the offset after it.
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
            // Of equal keys, the last one counts.
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
        // A valid document has a scalar here. With any other document the scan still continues and ends.
        JSONScanner.endOfValue(in: bytes, from: start, depthLimit: 0) ?? start + 1
    }

    /// The value as an array index by JavaScript's rules: `0`, `-0`, `1.0` and `1e0` are indices, `"0"` and `0.5` are
    /// not.
    private func index(_ value: Range<Int>) -> Int? {
        switch JSONNumber(UnsafeRawBufferPointer(rebasing: bytes[value])) {
        case .integer(let integer): integer >= 0 ? Int(integer) : nil
        case .double(let double): Int(exactly: double).flatMap { $0 >= 0 ? $0 : nil }
        case nil: nil
        }
    }
}

/// Rewrites arguments so that their attachments are sent as the reference sends them: the placeholders
/// `{"_placeholder":true,"num":n}` count from 0 in the order of the text, and the attachments follow in that order. An
/// attachment that two placeholders name is sent twice, one that none names is not sent.
struct BoundArguments {
    /// The rewritten arguments; `nil` if the original ones need no change.
    private(set) var rewritten: [UInt8]?

    /// The index of the attachment to send at each position.
    private(set) var order: [Int]

    init(_ args: UnsafeRawBufferPointer, attachmentCount: Int) {
        // A placeholder that begins before another one and ends after it contains it, which no real client writes; the
        // inner placeholder is dropped.
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
                // There is no such attachment, and a client would close the connection because of the placeholder.
                output.append(contentsOf: "null".utf8)
            }
            isCanonical = isCanonical && output[start...].elementsEqual(args[placeholder.range])
        }
        guard !isCanonical else { return }
        output.append(contentsOf: args[copied...])
        rewritten = output
    }

    /// Calls `body` with the arguments and attachments in the form in which they are sent.
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
