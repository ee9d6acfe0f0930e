import Support
import Testing

@testable import RoomsPlugin

@Suite struct MembershipTests {
    var membership = Membership()

    @Test mutating func `a second socket of a user does not join the user again`() {
        #expect(membership.enter("r", 1, user: "alice", at: 5) == .user)
        #expect(membership.enter("r", 2, user: "alice", at: 6) == .socket)
        #expect(membership.enter("r", 2, user: "alice", at: 7) == .none)
        #expect(membership.members(of: "r").map(\.since) == [5])
    }

    @Test mutating func `a user leaves with his last socket`() {
        _ = membership.enter("r", 1, user: "alice", at: 0)
        _ = membership.enter("r", 2, user: "alice", at: 0)
        #expect(membership.exit("r", 1, user: "alice") == .socket)
        #expect(!membership.contains("r", 1))
        #expect(membership.contains("r", user: "alice"))
        #expect(membership.contains("r", 2))
        #expect(membership.exit("r", 1, user: "alice") == .none)
        #expect(membership.exit("r", 2, user: "alice") == .user)
        #expect(membership.members(of: "r").isEmpty)
        #expect(!membership.contains("r", user: "alice"))
    }

    @Test mutating func `a removed socket leaves all its rooms`() {
        for room: ByteString in ["b", "a", "c"] { _ = membership.enter(room, 1, user: "alice", at: 0) }
        _ = membership.enter("c", 2, user: "alice", at: 0)
        #expect(membership.remove(1, user: "alice") == ["a", "b"])
        #expect(membership.rooms(of: 1).isEmpty)
        #expect(membership.remove(1, user: "alice") == [])
    }

    @Test mutating func `members are sorted by name`() {
        _ = membership.enter("r", 1, user: "bob", at: 2)
        _ = membership.enter("r", 2, user: "alice", at: 3)
        #expect(membership.members(of: "r").map(\.user) == ["alice", "bob"])
    }
}
