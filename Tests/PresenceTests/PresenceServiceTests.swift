import Presence
import Support
import Synchronization
import Testing

@Suite("Presence service")
struct PresenceServiceTests {
    /// Collects changes, and records whether two calls of the handler ever overlapped.
    private final class Recorder: Sendable {
        private let changes = Mutex<[PresenceChange]>([])
        private let entered = Atomic(0)
        private let wasEnteredTwice = Atomic(false)

        func record(_ new: [PresenceChange]) {
            if entered.add(1, ordering: .sequentiallyConsistent).newValue > 1 {
                wasEnteredTwice.store(true, ordering: .sequentiallyConsistent)
            }
            changes.withLock { $0 += new }
            entered.subtract(1, ordering: .sequentiallyConsistent)
        }

        var all: [PresenceChange] { changes.withLock { $0 } }
        var isSerial: Bool { !wasEnteredTwice.load(ordering: .sequentiallyConsistent) }
    }

    @Test("changes are delivered on connect, and on expiry after the grace period")
    func delivery() {
        let recorder = Recorder()
        let service = PresenceService(gracePeriod: 100, onChanges: recorder.record)
        service.connect("alice", connection: 1, now: 0)
        service.connect("alice", connection: 2, now: 1)
        #expect(recorder.all.map(\.isOnline) == [true])
        service.disconnect("alice", connection: 1, now: 2)
        service.disconnect("alice", connection: 2, now: 3)
        #expect(service.nextDeadline(now: 3) == 103)
        #expect(service.isOnline("alice"))
        service.expire(now: 102)
        #expect(recorder.all.count == 1)
        service.expire(now: 103)
        #expect(recorder.all.last == PresenceChange(user: "alice", isOnline: false, at: 3))
        #expect(service.onlineCount == 0)
        #expect(service.connections(of: "alice") == 0)
        #expect(service.status(of: "alice").lastSeen == 3)
        #expect(service.snapshot(["alice", "bob"]).count == 2)
        #expect(service.forgottenCount == 0)
    }

    @Test("the handler may query and change the service, and further changes follow in order")
    func reentrancy() {
        let recorder = Recorder()
        let service = Mutex<PresenceService?>(nil)
        service.withLock {
            $0 = PresenceService(gracePeriod: 0) { changes in
                recorder.record(changes)
                let inner = service.withLock { $0 }
                if changes.contains(where: { $0.user == "alice" && $0.isOnline }) {
                    inner?.connect("bot", connection: 99, now: 1)
                    // The change is not delivered during this call.
                    #expect(recorder.all.count == 1)
                    #expect(inner?.isOnline("bot") == true)
                }
            }
        }
        let outer = service.withLock { $0 }
        outer?.connect("alice", connection: 1, now: 0)
        #expect(recorder.all.map(\.user) == ["alice", "bot"])
        // Breaks the cycle: the handler holds the service, which holds the handler.
        service.withLock { $0 = nil }
    }

    @Test("with many threads, each user's changes alternate and the handler is called once at a time")
    func manyThreads() async {
        let recorder = Recorder()
        let service = PresenceService(gracePeriod: 0, onChanges: recorder.record)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<500 {
                        let user: ByteString = "u\(round % 3)"
                        service.connect(user, connection: UInt64(task), now: 0)
                        service.disconnect(user, connection: UInt64(task), now: 0)
                    }
                }
            }
        }
        #expect(recorder.isSerial)
        #expect(service.onlineCount == 0)
        for user: ByteString in ["u0", "u1", "u2"] {
            let changes = recorder.all.filter { $0.user == user }.map(\.isOnline)
            #expect(!changes.isEmpty && changes.count.isMultiple(of: 2))
            #expect(changes.enumerated().allSatisfy { $0.element == $0.offset.isMultiple(of: 2) })
        }
    }
}
