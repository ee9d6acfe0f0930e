import Support

/// One received packet; its content stays in the receive buffer.
enum EnginePacket {
    /// Any packet except a binary message; `data` is the content after the type.
    case text(PacketType, data: UnsafeMutableRawBufferPointer)
    /// A binary message.
    case binary(UnsafeMutableRawBufferPointer)
    /// Empty, or of an unknown type.
    case malformed

    /// Parses one text packet; `b` marks a binary message in base64, which is decoded in place.
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

    /// `b`, the prefix of a binary message that is sent as text.
    static let base64Mark: UInt8 = 0x62
    /// U+001E, the separator between the packets of a payload.
    static let separator: UInt8 = 0x1E
}

/// The packet types of Engine.IO v4; the raw value is the first character of a packet.
public enum PacketType: UInt8, Sendable, CaseIterable {
    /// Server to client: the data of the handshake.
    case open = 0x30
    /// Both directions: closes the session.
    case close = 0x31
    /// Server to client: the heartbeat's ping (v4). Client to server only as `2probe`.
    case ping = 0x32
    /// Client to server: the answer to a ping. Server to client only as `3probe`.
    case pong = 0x33
    /// Both directions: a message of the layer above.
    case message = 0x34
    /// Client to server: completes the upgrade to this WebSocket.
    case upgrade = 0x35
    /// Server to client: answers a waiting poll without data.
    case noop = 0x36
}

/// Whether a message is text (UTF-8) or binary.
public enum MessageKind: UInt8, Sendable {
    case text
    case binary
}

/// Iterates over the packets of a polling payload: `packet (U+001E packet)*`.
struct Payload: Sequence, IteratorProtocol {
    private var rest: UnsafeMutableRawBufferPointer?

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        rest = bytes
    }

    /// The next packet. An empty payload contains one malformed packet, as does the gap between two separators.
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
