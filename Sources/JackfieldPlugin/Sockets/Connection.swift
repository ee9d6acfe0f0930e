/// A socket that has just joined its namespace.
public struct Connection: Sendable {
    /// What the client calls `socket.id`; a room of that name exists.
    public let id: String

    /// What the client's `auth` option sent, `{}` if nothing.
    public let auth: JSON

    /// The connection was recovered: its rooms and data are back.
    public let isRecovered: Bool

    /// The same number for all sockets of one client's connection; never used twice.
    public let number: UInt64

    /// Now: a client that upgrades is `polling` first.
    public let transport: TransportKind?

    init(_ raw: jf_socket_event) {
        id = String(raw.id)
        auth = JSON(unchecked: raw.auth.len == 0 ? Array("{}".utf8) : Array(UnsafeRawBufferPointer(raw.auth)))
        isRecovered = raw.recovered != 0
        number = raw.connection
        transport = TransportKind(raw.transport)
    }
}

/// A socket that is going, or gone.
public struct Disconnection: Sendable {
    /// What the client called `socket.id`.
    public let id: String

    /// In the reference server's words: `transport close`, `client namespace disconnect` …
    public let reason: String

    /// The rooms it leaves, its own id first; empty once it is gone.
    public let rooms: [String]

    init(_ raw: jf_socket_event) {
        id = String(raw.id)
        reason = String(raw.reason)
        rooms = UnsafeBufferPointer(start: raw.rooms, count: Int(raw.room_count)).map { String($0) }
    }
}

/// How a client is connected.
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
