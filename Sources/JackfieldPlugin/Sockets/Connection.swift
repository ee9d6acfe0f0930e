/// A socket that has just joined its namespace.
public struct Connection: Sendable {
    /// The Socket.IO id, `socket.id` on the client; also the name of a room.
    public let id: String

    /// The client's `auth` option, a JSON object; `{}` if it has none.
    public let auth: JSON

    /// Whether connection state recovery restored the socket's id, rooms and data.
    public let isRecovered: Bool

    /// The same number for all sockets of one client's connection; never used twice.
    public let number: UInt64

    /// The current transport: a client that upgrades starts with `polling`.
    public let transport: TransportKind?

    init(_ raw: jf_socket_event) {
        id = String(raw.id)
        auth = JSON(unchecked: raw.auth.len == 0 ? Array("{}".utf8) : Array(UnsafeRawBufferPointer(raw.auth)))
        isRecovered = raw.recovered != 0
        number = raw.connection
        transport = TransportKind(raw.transport)
    }
}

/// A socket that is leaving its namespace, or has left it.
public struct Disconnection: Sendable {
    /// The Socket.IO id, `socket.id` on the client.
    public let id: String

    /// The reference server's name of the reason: `transport close`, `client namespace disconnect` …
    public let reason: String

    /// In `disconnecting`, the rooms that it leaves, its own id first; in `disconnected`, empty.
    public let rooms: [String]

    init(_ raw: jf_socket_event) {
        id = String(raw.id)
        reason = String(raw.reason)
        rooms = UnsafeBufferPointer(start: raw.rooms, count: Int(raw.room_count)).map { String($0) }
    }
}

/// The transport of a client.
public enum TransportKind: Sendable {
    case polling
    case webSocket

    /// nil for a transport that this SDK does not know.
    init?(_ raw: UInt32) {
        switch raw {
        case JF_TRANSPORT_POLLING: self = .polling
        case JF_TRANSPORT_WEBSOCKET: self = .webSocket
        default: return nil
        }
    }
}
