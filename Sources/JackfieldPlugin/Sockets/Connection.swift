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
