import Glibc
import Support
import Synchronization
import Testing

@testable import PluginHost

@Suite("Strands")
struct StrandTests {
    /// Records which tasks ran, in order.
    final class Trace: Sendable {
        private let names = Mutex<[String]>([])
        var all: [String] { names.withLock { $0 } }
        func note(_ name: String) { names.withLock { $0.append(name) } }
        func task(_ name: String, taking milliseconds: UInt32 = 0) -> StrandTask {
            StrandTask(
                run: {
                    if milliseconds > 0 { usleep(milliseconds * 1000) }
                    self.note(name)
                },
                drop: { self.note("dropped \(name)") })
        }
    }

    private let budget = QueueBudget(callbacks: 1000, bytes: 1 << 20)
    private let mallory = Sender(user: 1, socket: 10)
    private let alice = Sender(user: 2, socket: 20)

    /// Waits for everything that was queued before this call.
    private func finish(_ strand: Strand) {
        #expect(strand.run(until: Clock.monotonicNanoseconds + 10_000_000_000) { true } == true)
    }

    @Test("on a slow strand a sender who arrives later is served soon")
    func turns() {
        let (trace, strand) = (Trace(), Strand(name: "test", budget: budget))
        for number in 1...30 { _ = strand.enqueue(trace.task("m\(number)", taking: 10), of: mallory, bytes: 0) }
        while trace.all.count < 3 { usleep(1000) }
        _ = strand.enqueue(trace.task("a"), of: alice, bytes: 0)
        finish(strand)
        let place = trace.all.firstIndex(of: "a") ?? 99
        #expect(place < 10, "\(trace.all)")
        #expect(trace.all.filter { $0 != "a" } == (1...30).map { "m\($0)" })
        #expect(budget.callbacks == 0)
        strand.close()
    }

    @Test(
        "a barrier on a crowded strand runs after everything that was queued before it, and before what was queued after it"
    )
    func barrier() {
        let (trace, strand) = (Trace(), Strand(name: "test", budget: budget))
        for number in 1...20 { _ = strand.enqueue(trace.task("m\(number)", taking: 20), of: mallory, bytes: 0) }
        while trace.all.count < 5 { usleep(1000) }
        let isOver = BlockingFuture<Bool>()
        Threads.start(name: "test") {
            strand.run(until: Clock.monotonicNanoseconds + 10_000_000_000) { trace.note("barrier") }
            isOver.fulfil(true)
        }
        // Waits until it is queued; it has not run yet.
        while strand.load + trace.all.count < 21 { usleep(100) }
        for number in 1...5 { _ = strand.enqueue(trace.task("a\(number)"), of: alice, bytes: 0) }
        #expect(isOver.wait(until: Clock.monotonicNanoseconds + 10_000_000_000) == true)
        finish(strand)
        #expect(trace.all == (1...20).map { "m\($0)" } + ["barrier"] + (1...5).map { "a\($0)" })
        strand.close()
    }

    @Test("closing a crowded strand drops what waits, each once, while its thread is still in a callback")
    func closing() {
        let (trace, strand) = (Trace(), Strand(name: "test", budget: budget))
        for number in 1...10 { _ = strand.enqueue(trace.task("m\(number)", taking: 10), of: mallory, bytes: 5) }
        while trace.all.count < 3 { usleep(1000) }
        _ = strand.enqueue(trace.task("stuck", taking: 300), of: alice, bytes: 5)
        while budget.callbacks > 0, !trace.all.contains("stuck"), trace.all.count < 8 { usleep(500) }
        strand.close()
        usleep(500_000)
        let names = trace.all.map { $0.replacing("dropped ", with: "") }
        #expect(Set(names).count == 11)
        #expect(names.count == 11)
        #expect(trace.all.contains { $0.hasPrefix("dropped") })
        #expect(budget.callbacks == 0)
        #expect(budget.bytes == 0)
        #expect(strand.load == 0)
    }
}
