/// The query parameters Engine.IO looks at, decoded as the reference does: of a repeated one the last counts, a plus is a blank,
/// a broken percent sign stands for itself.
public struct RequestParameters: Sendable, Equatable {
    public private(set) var transport: String?
    public private(set) var version: String?
    /// nil as well when it is there but empty: that is a handshake.
    public private(set) var sessionID: String?
    /// `b64` is there.
    public private(set) var wantsBase64 = false

    /// Reads a query without its question mark.
    public init(query: UnsafeRawBufferPointer) {
        var position = 0
        while position < query.count {
            let pair = Pair(in: query, at: position)
            position = pair.end + 1
            if pair.isNamed("transport") {
                transport = pair.value
            } else if pair.isNamed("EIO") {
                version = pair.value
            } else if pair.isNamed("sid") {
                sessionID = pair.isEmpty ? nil : pair.value
            } else if pair.isNamed("b64") {
                wantsBase64 = !pair.isEmpty
            }
        }
    }

    /// `name=value`, or a name alone.
    private struct Pair {
        /// Where it ends in the query.
        let end: Int
        private let nameBytes: UnsafeRawBufferPointer
        private let valueBytes: UnsafeRawBufferPointer
        /// Whether anything in it stands for something else.
        private let isEncoded: Bool

        init(in query: UnsafeRawBufferPointer, at start: Int) {
            var end = start
            var equals: Int?
            var isEncoded = false
            while end < query.count, query[end] != 0x26 {
                switch query[end] {
                case 0x3D: equals = equals ?? end
                case 0x25, 0x2B: isEncoded = true
                default: break
                }
                end += 1
            }
            self.end = end
            self.isEncoded = isEncoded
            nameBytes = UnsafeRawBufferPointer(rebasing: query[start..<(equals ?? end)])
            valueBytes = UnsafeRawBufferPointer(rebasing: query[(equals.map { $0 + 1 } ?? end)..<end])
        }

        var isEmpty: Bool { valueBytes.isEmpty }
        var value: String { text(valueBytes) }

        func isNamed(_ name: StaticString) -> Bool {
            guard !isEncoded else { return text(nameBytes) == name.description }
            return nameBytes.count == name.utf8CodeUnitCount && nameBytes.elementsEqual(UnsafeRawBufferPointer(start: name.utf8Start, count: nameBytes.count))
        }

        private func text(_ bytes: UnsafeRawBufferPointer) -> String {
            isEncoded ? RequestParameters.decode(bytes) : String(decoding: bytes, as: UTF8.self)
        }
    }

    fileprivate static func decode(_ bytes: UnsafeRawBufferPointer) -> String {
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x25, index + 2 < bytes.count, let high = hexDigit(bytes[index + 1]), let low = hexDigit(bytes[index + 2]) {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(byte == 0x2B ? 0x20 : byte)
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
