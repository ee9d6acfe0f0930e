import Support
import Testing

@testable import Presence

@Suite("Presence table")
struct PresenceTableTests {
    private func change(_ user: ByteString, online: Bool, at: Int64) -> PresenceChange {
        PresenceChange(user: user, isOnline: online, at: at)
    }

    @Test("the first connection is a change, the second is not")
    func firstConnection() {
        var table = PresenceTable()
        #expect(table.connect("alice", connection: 1, now: 100) == change("alice", online: true, at: 100))
        #expect(table.connect("alice", connection: 2, now: 101) == nil)
        #expect(table.connections(of: "alice") == 2)
        #expect(table.onlineCount == 1)
        #expect(
            table.status(of: "alice") == PresenceStatus(user: "alice", isOnline: true, connections: 2, lastSeen: nil))
    }

    @Test("with two tabs, closing one leaves the user online without a grace period")
    func twoTabs() {
        var table = PresenceTable()
        _ = table.connect("alice", connection: 1, now: 0)
        _ = table.connect("alice", connection: 2, now: 0)
        #expect(table.disconnect("alice", connection: 1, now: 1) == nil)
        #expect(table.nextDeadline(now: 1) == nil)
        #expect(table.due(now: 1_000_000).isEmpty)
        #expect(table.isOnline("alice"))
        #expect(table.connections(of: "alice") == 1)
    }

    @Test("one connection in two namespaces counts once")
    func twoNamespaces() {
        var table = PresenceTable(gracePeriod: 0)
        #expect(table.connect("alice", connection: 7, now: 0) != nil)
        #expect(table.connect("alice", connection: 7, now: 1) == nil)
        #expect(table.connections(of: "alice") == 1)
        #expect(table.disconnect("alice", connection: 7, now: 2) == nil)
        #expect(table.connections(of: "alice") == 1)
        #expect(table.disconnect("alice", connection: 7, now: 3) == change("alice", online: false, at: 3))
        #expect(table.connections(of: "alice") == 0)
    }

    @Test("one connection of two users counts once for each")
    func twoUsersOnOneConnection() {
        var table = PresenceTable(gracePeriod: 0)
        #expect(table.connect("alice", connection: 7, now: 0) != nil)
        #expect(table.connect("bob", connection: 7, now: 0) != nil)
        #expect(table.onlineCount == 2)
        #expect(table.disconnect("alice", connection: 7, now: 1) == change("alice", online: false, at: 1))
        #expect(table.isOnline("bob"))
    }

    @Test("the offline change comes after the grace period and has the time of leaving")
    func gracePeriod() {
        var table = PresenceTable(gracePeriod: 5000)
        _ = table.connect("alice", connection: 1, now: 0)
        #expect(table.disconnect("alice", connection: 1, now: 1000) == nil)
        #expect(table.nextDeadline(now: 1000) == 6000)
        #expect(table.due(now: 5999).isEmpty)
        #expect(
            table.status(of: "alice") == PresenceStatus(user: "alice", isOnline: true, connections: 0, lastSeen: 1000))
        #expect(table.onlineCount == 1)
        #expect(table.due(now: 6000) == [change("alice", online: false, at: 1000)])
        #expect(
            table.status(of: "alice") == PresenceStatus(user: "alice", isOnline: false, connections: 0, lastSeen: 1000))
        #expect(table.onlineCount == 0)
        #expect(table.nextDeadline(now: 6000) == nil)
        #expect(table.due(now: 100_000).isEmpty)
    }

    @Test("a user who returns within the grace period causes no change")
    func reload() {
        var table = PresenceTable(gracePeriod: 5000)
        _ = table.connect("alice", connection: 1, now: 0)
        _ = table.disconnect("alice", connection: 1, now: 1000)
        #expect(table.connect("alice", connection: 2, now: 5999) == nil)
        #expect(table.nextDeadline(now: 5999) == nil)
        #expect(table.due(now: 1_000_000).isEmpty)
        #expect(
            table.status(of: "alice") == PresenceStatus(user: "alice", isOnline: true, connections: 1, lastSeen: nil))
        // The next disconnect begins a whole new grace period.
        _ = table.disconnect("alice", connection: 2, now: 8000)
        #expect(table.nextDeadline(now: 8000) == 13000)
    }

    @Test("a user who returns after the grace period but before the change is delivered causes no change")
    func backBeforeTold() {
        var table = PresenceTable(gracePeriod: 10)
        _ = table.connect("alice", connection: 1, now: 0)
        _ = table.disconnect("alice", connection: 1, now: 0)
        #expect(table.connect("alice", connection: 2, now: 500) == nil)
        #expect(table.due(now: 1000).isEmpty)
    }

    @Test("a user who returns after the offline change causes an online change")
    func backAfterEdge() {
        var table = PresenceTable(gracePeriod: 10)
        _ = table.connect("alice", connection: 1, now: 0)
        _ = table.disconnect("alice", connection: 1, now: 5)
        #expect(table.due(now: 15).count == 1)
        #expect(table.connect("alice", connection: 2, now: 20) == change("alice", online: true, at: 20))
        #expect(table.status(of: "alice").lastSeen == nil)
    }

    @Test("a grace period of zero or less reports the change at once")
    func noGrace() {
        for gracePeriod: Int64 in [0, -1] {
            var table = PresenceTable(gracePeriod: gracePeriod)
            _ = table.connect("alice", connection: 1, now: 0)
            #expect(table.disconnect("alice", connection: 1, now: 9) == change("alice", online: false, at: 9))
            #expect(table.nextDeadline(now: 9) == nil)
        }
    }

    @Test("changes come in the order of leaving, and only those that are due")
    func order() {
        var table = PresenceTable(gracePeriod: 100)
        for (connection, user) in (["a", "b", "c", "d"] as [ByteString]).enumerated() {
            _ = table.connect(user, connection: UInt64(connection), now: 0)
        }
        _ = table.disconnect("c", connection: 2, now: 1)
        _ = table.disconnect("a", connection: 0, now: 2)
        _ = table.disconnect("b", connection: 1, now: 3)
        _ = table.disconnect("d", connection: 3, now: 4)
        // Removes a user from the middle of the queue.
        _ = table.connect("a", connection: 9, now: 5)
        #expect(table.due(now: 103).map(\.user) == ["c", "b"])
        #expect(table.nextDeadline(now: 103) == 104)
        #expect(table.due(now: 104).map(\.user) == ["d"])
        #expect(table.onlineCount == 1)
    }

    @Test("a disconnect without its connect changes nothing")
    func strayDisconnect() {
        var table = PresenceTable(gracePeriod: 0)
        #expect(table.disconnect("nobody", connection: 1, now: 0) == nil)
        _ = table.connect("alice", connection: 1, now: 0)
        #expect(table.disconnect("alice", connection: 2, now: 1) == nil)
        #expect(table.connections(of: "alice") == 1)
        #expect(table.disconnect("alice", connection: 1, now: 2) != nil)
        #expect(table.disconnect("alice", connection: 1, now: 3) == nil)
        #expect(table.status(of: "alice").lastSeen == 2)
    }

    @Test("an unknown user is offline and was never seen")
    func unknownUser() {
        let table = PresenceTable()
        #expect(!table.isOnline("x"))
        #expect(table.connections(of: "x") == 0)
        #expect(table.snapshot(["x"]) == [PresenceStatus(user: "x", isOnline: false, connections: 0, lastSeen: nil)])
    }

    @Test("a snapshot keeps the order of its users, including repeated ones")
    func snapshot() {
        var table = PresenceTable()
        _ = table.connect("alice", connection: 1, now: 0)
        #expect(table.snapshot(["bob", "alice", "bob"]).map(\.isOnline) == [false, true, false])
    }

    @Test("above the limit, the user offline for longest is forgotten and counted")
    func offlineLimit() {
        var table = PresenceTable(gracePeriod: 0, offlineLimit: 2)
        for (index, user) in (["a", "b", "c"] as [ByteString]).enumerated() {
            _ = table.connect(user, connection: 1, now: 0)
            _ = table.disconnect(user, connection: 1, now: Int64(10 + index))
        }
        #expect(table.forgottenCount == 1)
        #expect(table.snapshot(["a", "b", "c"]).map(\.lastSeen) == [nil, 11, 12])
        // A user who returns is removed from the list: b is the newest now.
        _ = table.connect("b", connection: 1, now: 20)
        _ = table.disconnect("b", connection: 1, now: 21)
        _ = table.connect("d", connection: 1, now: 30)
        _ = table.disconnect("d", connection: 1, now: 31)
        #expect(table.snapshot(["b", "c", "d"]).map(\.lastSeen) == [21, nil, 31])
        #expect(table.forgottenCount == 2)
    }

    @Test("with a limit of zero, no offline user is remembered")
    func noMemory() {
        var table = PresenceTable(gracePeriod: 0, offlineLimit: 0)
        _ = table.connect("a", connection: 1, now: 0)
        #expect(table.disconnect("a", connection: 1, now: 1) == change("a", online: false, at: 1))
        #expect(table.status(of: "a").lastSeen == nil)
        #expect(table.connect("a", connection: 1, now: 2) == change("a", online: true, at: 2))
    }

    @Test("a clock that is set back ends the grace period and never prolongs it")
    func clockSetBack() {
        var table = PresenceTable(gracePeriod: 1000)
        _ = table.connect("alice", connection: 1, now: 1_000_000)
        _ = table.disconnect("alice", connection: 1, now: 1_000_000)
        #expect(table.nextDeadline(now: 500) == 1500)
        #expect(table.due(now: 500) == [change("alice", online: false, at: 1_000_000)])
    }

    @Test("random histories give the same result as a simple model")
    func randomHistories() {
        for seed in 0..<20 {
            var random = SplitMix(state: UInt64(seed))
            var table = PresenceTable(gracePeriod: 50, offlineLimit: 5)
            var model = Model(gracePeriod: 50)
            var now: Int64 = 0
            for _ in 0..<2000 {
                now += Int64(random.below(20))
                let user: ByteString = "u\(random.below(12))"
                let connection = UInt64(random.below(6))
                let changes: [PresenceChange]
                let expected: [PresenceChange]
                switch random.below(5) {
                case 0, 1:
                    changes = table.connect(user, connection: connection, now: now).map { [$0] } ?? []
                    expected = model.connect(user, connection, now)
                case 2, 3:
                    changes = table.disconnect(user, connection: connection, now: now).map { [$0] } ?? []
                    expected = []
                    model.disconnect(user, connection, now)
                default:
                    changes = table.due(now: now)
                    expected = model.due(now)
                }
                #expect(changes == expected)
                #expect(table.connections(of: user) == model.connections(user))
                #expect(table.isOnline(user) == model.online.contains(user))
                #expect(table.onlineCount == model.online.count)
            }
        }
    }

    /// The same rules with sets and sorting instead of lists.
    private struct Model {
        let gracePeriod: Int64
        var sockets: [ByteString: [UInt64: Int]] = [:]
        var online: Set<ByteString> = []
        var left: [(user: ByteString, at: Int64)] = []

        func connections(_ user: ByteString) -> Int { sockets[user]?.count ?? 0 }

        mutating func connect(_ user: ByteString, _ connection: UInt64, _ now: Int64) -> [PresenceChange] {
            sockets[user, default: [:]][connection, default: 0] += 1
            left.removeAll { $0.user == user }
            return online.insert(user).inserted ? [PresenceChange(user: user, isOnline: true, at: now)] : []
        }

        mutating func disconnect(_ user: ByteString, _ connection: UInt64, _ now: Int64) {
            guard let count = sockets[user]?[connection] else { return }
            sockets[user]?[connection] = count == 1 ? nil : count - 1
            if sockets[user]?.isEmpty == true { left.append((user, now)) }
            if sockets[user]?.isEmpty == true { sockets[user] = nil }
        }

        mutating func due(_ now: Int64) -> [PresenceChange] {
            let gone = left.filter { now - $0.at >= gracePeriod }
            left.removeAll { now - $0.at >= gracePeriod }
            for departure in gone { online.remove(departure.user) }
            return gone.map { PresenceChange(user: $0.user, isOnline: false, at: $0.at) }
        }
    }

    private struct SplitMix {
        var state: UInt64

        mutating func below(_ bound: UInt64) -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return (z ^ (z >> 31)) % bound
        }
    }
}
