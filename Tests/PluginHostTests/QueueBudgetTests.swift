import Testing

@testable import PluginHost

@Suite("The budget of a plugin's queue")
struct QueueBudgetTests {
    private let mallory = Sender(user: 1, socket: 10)
    private let malloryToo = Sender(user: 1, socket: 11)
    private let alice = Sender(user: 2, socket: 20)

    @Test("one socket fills its share of a crowded queue, its user the user's, and others still find room")
    func shares() {
        let budget = QueueBudget(callbacks: 160, bytes: 1 << 20, socketShare: 25, userShare: 40)
        // The first sixteenth is nobody's.
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

    @Test("what a sender was charged for it gets back")
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

    @Test("of many that flood, none fills the queue, and whoever comes next finds room")
    func manyFloods() {
        let budget = QueueBudget(callbacks: 1000, bytes: 1 << 20, socketShare: 25, userShare: 50)
        let floods = (0..<50).map { Sender(user: UInt64(1000 + $0), socket: UInt64(1000 + $0)) }
        var waiting = [Int](repeating: 0, count: floods.count)
        // Each sends what it can, and the strand serves them in turn.
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

    @Test("shares of 100 leave the queue to whoever comes first")
    func noShares() {
        let budget = QueueBudget(callbacks: 16, bytes: 1 << 20, socketShare: 100, userShare: 100)
        for _ in 0..<16 { #expect(budget.reserve(1, for: mallory) != .refused(.share)) }
        #expect(budget.reserve(1, for: mallory) == .refused(.full))
    }
}
