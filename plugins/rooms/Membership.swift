import JackfieldPlugin
import Support

/// Who is in which room, by socket: a user is in a room as long as one of his sockets is. A state machine without I/O.
///
/// The host keeps the same by socket (its rooms), for broadcasts; this table answers at once whether somebody may
/// speak, and tells the first socket of a user from the second.
struct Membership {
    private struct Member {
        var sockets: Set<jf_socket>
        let since: Int64
    }

    private var rooms: [ByteString: [ByteString: Member]] = [:]
    private var roomsOfSocket: [jf_socket: Set<ByteString>] = [:]

    /// What an entry or exit meant for the others in the room.
    enum MembershipChange: Equatable {
        /// The user came or went: tell them.
        case user
        /// Only one of his sockets did.
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

    /// The socket is gone; returns the rooms that lost the user with it.
    mutating func remove(_ socket: jf_socket, user: ByteString) -> [ByteString] {
        rooms(of: socket).filter { exit($0, socket, user: user) == .user }
    }

    func contains(_ room: ByteString, _ socket: jf_socket) -> Bool { roomsOfSocket[socket]?.contains(room) == true }

    /// Whether one of the user's sockets is in the room.
    func contains(_ room: ByteString, user: ByteString) -> Bool { rooms[room]?[user] != nil }

    /// Sorted, so that what follows has an order.
    func rooms(of socket: jf_socket) -> [ByteString] { roomsOfSocket[socket]?.sorted() ?? [] }

    /// Users and since when (milliseconds), by name.
    func members(of room: ByteString) -> [(user: ByteString, since: Int64)] {
        (rooms[room] ?? [:]).map { ($0.key, $0.value.since) }.sorted { $0.user < $1.user }
    }
}
