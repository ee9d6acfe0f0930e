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
