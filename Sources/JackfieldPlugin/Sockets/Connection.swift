/// A socket that has just joined its namespace.
public struct Connection: Sendable {
    /// What the client calls `socket.id`; a room of that name exists.
    public let id: String

    /// What the client's `auth` option sent, `{}` if nothing.
    public let auth: JSON

    /// The connection was recovered: its rooms and data are back.
    public let isRecovered: Bool

    init(_ raw: jf_socket_event) {
        id = String(raw.id)
        auth = JSON(unchecked: raw.auth.len == 0 ? Array("{}".utf8) : Array(UnsafeRawBufferPointer(raw.auth)))
        isRecovered = raw.recovered != 0
    }
}
