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

/// The packet types of Engine.IO v4; the raw value is the character on the wire.
public enum PacketType: UInt8, Sendable, CaseIterable {
    /// Server to client: the handshake's data.
    case open = 0x30
    /// Either way: the session is over.
    case close = 0x31
    /// Server to client (v4): are you there? Client to server only as `2probe`.
    case ping = 0x32
    /// Client to server: yes. Server to client only as `3probe`.
    case pong = 0x33
    /// Either way: a message of the layer above.
    case message = 0x34
    /// Client to server: from here on everything goes over this WebSocket.
    case upgrade = 0x35
    /// Server to client: ends a waiting poll without news.
    case noop = 0x36
}

/// Text (UTF-8) or binary: the only thing Engine.IO knows of a message's content.
public enum MessageKind: UInt8, Sendable {
    case text
    case binary
}

/// The packets of a polling payload, one after the other: `packet (U+001E packet)*`.
struct Payload: Sequence, IteratorProtocol {
    private var rest: UnsafeMutableRawBufferPointer?

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        rest = bytes
    }

    /// The next packet. An empty payload is one malformed packet, and so is what two separators enclose.
    mutating func next() -> EnginePacket? {
        guard let bytes = rest else { return nil }
        guard let separator = bytes.firstIndex(of: EnginePacket.separator) else {
            rest = nil
            return EnginePacket(decoding: bytes)
        }
        rest = UnsafeMutableRawBufferPointer(rebasing: bytes[(separator + 1)...])
        return EnginePacket(decoding: UnsafeMutableRawBufferPointer(rebasing: bytes[..<separator]))
    }
}
