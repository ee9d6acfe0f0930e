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
