/// The reference tokens of a pointer, one after the other, still escaped.
struct JSONPointerPath {
    /// One reference token: a key, or an index written in digits.
    struct Step {
        let text: UnsafeRawBufferPointer
        let hasEscapes: Bool

        /// Whether this is the token `-`, the place past an array's last element.
        var isPastEnd: Bool { text.count == 1 && text[0] == UInt8(ascii: "-") }

        /// The array index this is; `nil` if it is none. RFC 6901 allows no leading zeros.
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

        /// Whether the string `token`, quotes included, means the key this step names.
        func isKey(_ token: UnsafeRawBufferPointer) -> Bool {
            guard hasEscapes else { return JSONText.isEqual(token, to: text) }
            var decoder = JSONStringDecoder(content: UnsafeRawBufferPointer(rebasing: token[1..<token.count - 1]))
            var at = 0
            while let byte = nextByte(&at) {
                guard decoder.next() == byte else { return false }
            }
            return decoder.next() == nil
        }

        /// The key this step names, escapes decoded.
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
                guard at < pointer.count, pointer[at] == UInt8(ascii: "0") || pointer[at] == UInt8(ascii: "1") else { throw .malformedPointer }
                hasEscapes = true
            }
            at += 1
        }
        return Step(text: UnsafeRawBufferPointer(rebasing: pointer[start..<at]), hasEscapes: hasEscapes)
    }
}
