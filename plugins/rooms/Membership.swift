import JackfieldPlugin
import Support

/// The members of each room: a user is in a room while at least one of his sockets is. A state machine without I/O.
///
/// The host has the rooms of each socket, for broadcasts. This table answers without waiting whether a socket may send,
/// and knows which socket of a user is his first or last in a room.
struct Membership {
    private struct Member {
        var sockets: Set<jf_socket>
        let since: Int64
    }

    private var rooms: [ByteString: [ByteString: Member]] = [:]
    private var roomsOfSocket: [jf_socket: Set<ByteString>] = [:]

    /// How a call changed the members of a room.
    enum MembershipChange: Equatable {
        /// The user joined or left, so the members must be notified.
        case user
        /// The socket joined or left, but another socket of its user is in the room.
        case socket
        /// Nothing changed.
        case none
    }

    mutating func enter(_ room: ByteString, _ socket: jf_socket, user: ByteString, at: Int64) -> MembershipChange {
        guard roomsOfSocket[socket, default: []].insert(room).inserted else { return .none }
        if rooms[room, default: [:]][user] != nil {
            rooms[room]?[user]?.sockets.insert(socket)
            return .socket
        }
        rooms[room, default: [:]][user] = Member(sockets: [socket], since: at)
        return .user
    }

    mutating func exit(_ room: ByteString, _ socket: jf_socket, user: ByteString) -> MembershipChange {
        guard roomsOfSocket[socket]?.remove(room) != nil else { return .none }
        if roomsOfSocket[socket]?.isEmpty == true { roomsOfSocket[socket] = nil }
        rooms[room]?[user]?.sockets.remove(socket)
        guard rooms[room]?[user]?.sockets.isEmpty == true else { return .socket }
        rooms[room]?[user] = nil
        if rooms[room]?.isEmpty == true { rooms[room] = nil }
        return .user
    }

    /// Removes a socket from all rooms. Returns the rooms of which its user is no member any more.
    mutating func remove(_ socket: jf_socket, user: ByteString) -> [ByteString] {
        rooms(of: socket).filter { exit($0, socket, user: user) == .user }
    }

    func contains(_ room: ByteString, _ socket: jf_socket) -> Bool { roomsOfSocket[socket]?.contains(room) == true }

    /// Whether one of the user's sockets is in the room.
    func contains(_ room: ByteString, user: ByteString) -> Bool { rooms[room]?[user] != nil }

    /// Sorted, so that notifications have a fixed order.
    func rooms(of socket: jf_socket) -> [ByteString] { roomsOfSocket[socket]?.sorted() ?? [] }

    /// The users of a room, sorted by name. `since` is in milliseconds since 1970-01-01 UTC.
    func members(of room: ByteString) -> [(user: ByteString, since: Int64)] {
        (rooms[room] ?? [:]).map { ($0.key, $0.value.since) }.sorted { $0.user < $1.user }
    }
}
