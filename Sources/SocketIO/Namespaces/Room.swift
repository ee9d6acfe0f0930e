import EngineIO
import Support

/// The sockets of one shard that are in one room, as a dense array: a broadcast reads memory in order, joining and
/// leaving are O(1). [loop]
///
/// A member and its socket's ``RoomMembership`` know each other's place. Removing moves the last member into the gap
/// and tells its socket, so nothing is ever searched.
final class Room {
    /// Nothing here is retained: a socket leaves its rooms before it goes, and holds its session until then.
    struct Member {
        /// The socket's session, so that a broadcast to one room does not touch the socket at all.
        let session: Unmanaged<Session>
        let socket: Unmanaged<NamespaceSocket>
        /// Where in ``NamespaceSocket/memberships`` this room stands.
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

    /// Removes the member at `index`, and tells the one that takes its place.
    func remove(at index: Int) {
        let last = members.removeLast()
        guard index < members.count else { return }
        members[index] = last
        last.socket._withUnsafeGuaranteedRef { $0.memberMoved(at: Int(last.place), to: index) }
    }

    /// The member's membership has moved within its socket.
    func membershipMoved(of index: Int, to place: Int) {
        members[index].place = Int32(truncatingIfNeeded: place)
    }
}

/// That a socket is in a room, and at which index of its ``Room/members``.
struct RoomMembership {
    /// Not retained: the namespace holds a room as long as it has members.
    let room: Unmanaged<Room>
    var index: Int
}
