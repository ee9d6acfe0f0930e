import EngineIO
import Support

/// The sockets of one shard that are in one room, as a dense array: a broadcast reads it in order, and joining and
/// leaving are O(1). [loop]
///
/// A member and its socket's ``RoomMembership`` store each other's index. Removing a member moves the last one into the
/// gap and updates that member's socket, so that no search is needed.
final class Room {
    /// Nothing here is retained: a socket leaves its rooms before it is released, and retains its session until then.
    struct Member {
        /// The socket's session, so that a broadcast to one room need not read the socket.
        let session: Unmanaged<Session>
        let socket: Unmanaged<NamespaceSocket>
        /// The index of this room in ``NamespaceSocket/memberships``.
        var place: Int32
    }

    let name: ByteString

    private(set) var members: ContiguousArray<Member> = []

    init(name: ByteString) {
        self.name = name
    }

    var count: Int { members.count }

    func append(_ member: Member) {
        members.append(member)
    }

    /// Removes the member at `index`, and updates the index of the member that replaces it.
    func remove(at index: Int) {
        let last = members.removeLast()
        guard index < members.count else { return }
        members[index] = last
        last.socket._withUnsafeGuaranteedRef { $0.memberMoved(at: Int(last.place), to: index) }
    }

    /// The socket has moved the membership of its member `index` to another index of its array.
    func membershipMoved(of index: Int, to place: Int) {
        members[index].place = Int32(truncatingIfNeeded: place)
    }
}

/// The membership of a socket in a room, with the socket's index in ``Room/members``.
struct RoomMembership {
    /// Not retained: the namespace retains a room while it has members.
    let room: Unmanaged<Room>
    var index: Int
}
