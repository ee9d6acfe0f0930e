import Testing

@testable import PluginHost

@Suite("The budget of a plugin's queue")
struct QueueBudgetTests {
    private let mallory = Sender(user: 1, socket: 10)
    private let malloryToo = Sender(user: 1, socket: 11)
    private let alice = Sender(user: 2, socket: 20)

    @Test("a socket and a user can fill only their shares of a crowded queue, and others are still accepted")
    func shares() {
        let budget = QueueBudget(callbacks: 160, bytes: 1 << 20, socketShare: 25, userShare: 40)
        // The first sixteenth of the queue is charged to no sender.
        for _ in 0..<10 { #expect(budget.reserve(1, for: mallory) == .reserved) }
        for _ in 0..<40 { #expect(budget.reserve(1, for: mallory) == .charged) }
        #expect(budget.reserve(1, for: mallory) == .refused(.share))
        for _ in 0..<24 { #expect(budget.reserve(1, for: malloryToo) == .charged) }
        #expect(budget.reserve(1, for: malloryToo) == .refused(.share))
        #expect(budget.reserve(1, for: alice) == .charged)
        #expect(budget.refusedForSocket == 1)
        #expect(budget.refusedForUser == 1)
        #expect(budget.refusedFull == 0)
    }

    @Test("other limits hold from the next callback on, and what waits stays")
    func adopting() {
        let budget = QueueBudget(callbacks: 4, bytes: 100, socketShare: 100, userShare: 100)
        for _ in 0..<4 { #expect(budget.reserve(1)) }
        #expect(!budget.reserve(1))
        budget.adopt(callbacks: 16, bytes: 100, socketShare: 25, userShare: 100)
        #expect(budget.reserve(1))
        for _ in 0..<4 { #expect(budget.reserve(1, for: mallory) == .charged) }
        #expect(budget.reserve(1, for: mallory) == .refused(.share))
        budget.adopt(callbacks: 2, bytes: 100, socketShare: 100, userShare: 100)
        #expect(budget.callbacks == 9 && !budget.hasCapacity && !budget.reserve(1))
    }

    @Test("a sender's share is released with its callbacks")
    func givingBack() {
        let budget = QueueBudget(callbacks: 16, bytes: 1 << 20, socketShare: 50, userShare: 50)
        #expect(budget.reserve(1, for: mallory) == .reserved)
        for _ in 0..<3 {
            for _ in 0..<8 { #expect(budget.reserve(1, for: mallory) == .charged) }
            #expect(budget.reserve(1, for: mallory) == .refused(.share))
            for _ in 0..<8 { budget.release(1, of: mallory) }
        }
        #expect(budget.shares.count == 0)
        #expect(budget.callbacks == 1)
        #expect(budget.bytes == 1)
    }

    @Test("bytes have shares too, and one callback as large as the queue may wait all the same")
    func bytes() {
        let budget = QueueBudget(callbacks: 1000, bytes: 1600, socketShare: 25, userShare: 50)
        #expect(budget.reserve(300, for: mallory) == .charged)
        #expect(budget.reserve(100, for: mallory) == .charged)
        #expect(budget.reserve(1, for: mallory) == .refused(.share))
        let empty = QueueBudget(callbacks: 1000, bytes: 1600, socketShare: 25, userShare: 50)
        #expect(empty.reserve(5000, for: mallory) == .charged)
        #expect(empty.reserve(1, for: alice) == .refused(.full))
    }

    @Test("several senders that flood the queue do not fill it, and the next sender is accepted")
    func manyFloods() {
        let budget = QueueBudget(callbacks: 1000, bytes: 1 << 20, socketShare: 25, userShare: 50)
        let floods = (0..<50).map { Sender(user: UInt64(1000 + $0), socket: UInt64(1000 + $0)) }
        var waiting = [Int](repeating: 0, count: floods.count)
        // Each sender enqueues what is accepted, and the strand serves them in turn.
        for _ in 0..<100 {
            for (index, sender) in floods.enumerated() {
                while case .charged = budget.reserve(1, for: sender) { waiting[index] += 1 }
                for _ in 0..<min(4, waiting[index]) {
                    budget.release(1, of: sender)
                    waiting[index] -= 1
                }
            }
        }
        #expect(budget.refusedFull == 0)
        #expect(budget.reserve(1, for: alice) == .charged)
    }

    @Test("with shares of 100 one sender can fill the queue")
    func noShares() {
        let budget = QueueBudget(callbacks: 16, bytes: 1 << 20, socketShare: 100, userShare: 100)
        for _ in 0..<16 { #expect(budget.reserve(1, for: mallory) != .refused(.share)) }
        #expect(budget.reserve(1, for: mallory) == .refused(.full))
    }
}
