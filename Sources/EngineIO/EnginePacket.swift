import Support

/// One packet as it came, its content still in the receive buffer.
enum EnginePacket {
    /// Any type but a binary message; `data` is what follows the type.
    case text(PacketType, data: UnsafeMutableRawBufferPointer)
    /// A binary message.
    case binary(UnsafeMutableRawBufferPointer)
    /// Empty, or of a type that does not exist.
    case malformed

    /// Reads one packet of text; `b` is a binary message in base64, decoded in place.
    init(decoding bytes: UnsafeMutableRawBufferPointer) {
        guard let first = bytes.first else {
            self = .malformed
            return
        }
        let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[1...])
        if let type = PacketType(rawValue: first) {
            self = .text(type, data: rest)
        } else if first == EnginePacket.base64Mark {
            self = .binary(UnsafeMutableRawBufferPointer(rebasing: rest[..<Base64.decode(inPlace: rest)]))
        } else {
            self = .malformed
        }
    }

    /// `b`, in front of a binary message where only text can go.
    static let base64Mark: UInt8 = 0x62
    /// U+001E, between the packets of a payload.
    static let separator: UInt8 = 0x1E
}
