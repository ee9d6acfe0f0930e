import Testing

@testable import Daemon

@Suite("Watched users")
struct WatchedUserIndexTests {
    @Test("a presence change concerns only the loops that watch its user")
    func loops() {
        let users = WatchedUserIndex()
        users.add(["alice"], loop: 0)
        users.add(["alice"], loop: 63)
        users.add(["bob"], loop: 3)
        #expect(users.loops(watching: ["alice", "bob", "carol"]) == [1 | 1 << 63, 1 << 3, 0])
        users.remove(["alice"], loop: 0)
        #expect(users.loops(watching: ["alice"]) == [1 << 63])
    }

    @Test("a user whom nobody watches any more has no entry")
    func forgetting() {
        let users = WatchedUserIndex()
        for loop in 0..<4 { users.add(["alice"], loop: loop) }
        for loop in 0..<4 { users.remove(["alice"], loop: loop) }
        users.remove(["nobody"], loop: 1)
        #expect(users.count == 0)
    }
}
