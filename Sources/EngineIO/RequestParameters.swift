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
    public init(query: Substring) {
        for pair in query.utf8.split(separator: 0x26) {
            let name = pair.prefix { $0 != 0x3D }
            let value = pair.dropFirst(name.count + 1)
            switch Self.decode(name) {
            case "transport": transport = Self.decode(value)
            case "EIO": version = Self.decode(value)
            case "sid": sessionID = value.isEmpty ? nil : Self.decode(value)
            case "b64": wantsBase64 = !value.isEmpty
            default: break
            }
        }
    }

    private static func decode(_ bytes: Substring.UTF8View.SubSequence) -> String {
        guard bytes.contains(where: { $0 == 0x25 || $0 == 0x2B }) else { return String(Substring(bytes)) }
        var decoded: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            let rest = bytes[index...].dropFirst().prefix(2)
            if byte == 0x25, rest.count == 2, let high = hexDigit(rest.first!), let low = hexDigit(rest.last!) {
                decoded.append(high << 4 | low)
                index = rest.endIndex
            } else {
                decoded.append(byte == 0x2B ? 0x20 : byte)
                index = bytes.index(after: index)
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
