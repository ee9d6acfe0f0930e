import Glibc
import Support
import Synchronization
import Testing

@testable import PluginHost

@Suite("Accounts of callbacks")
struct AccountingTests {
    private let sender = Sender(user: 1, socket: 10)

    /// What a strand reported as slow.
    final class Reports: Sendable {
        private let list = Mutex<[(title: String, nanoseconds: Int64)]>([])
        var all: [(title: String, nanoseconds: Int64)] { list.withLock { $0 } }
        func add(_ callback: Callback, _ nanoseconds: Int64) {
            list.withLock { $0.append((callback.title, nanoseconds)) }
        }
    }

    /// A task that waits until the test lets it go on.
    final class Gate: Sendable {
        private let begun = BlockingFuture<Bool>()
        private let opened = BlockingFuture<Bool>()
        func task(_ callback: Callback) -> StrandTask {
            StrandTask(
                callback,
                run: {
                    self.begun.fulfil(true)
                    _ = self.opened.wait(until: .max)
                })
        }
        func waitUntilItRuns() { _ = begun.wait(until: .max) }
        func open() { opened.fulfil(true) }
    }

    private func strand(slowTime: Int64 = .max, _ reports: Reports = Reports()) -> Strand {
        Strand(
            name: "test", budget: QueueBudget(callbacks: 1_000, bytes: 1 << 20), slowTime: slowTime,
            onSlow: { reports.add($0, $1) })
    }

    private func finish(_ strand: Strand) {
        #expect(strand.run(until: Clock.monotonicNanoseconds + 10_000_000_000) { true } == true)
    }

    private func counts(_ strand: Strand) -> [UInt64] {
        var counts = [UInt64](repeating: 0, count: CallbackTimes.bucketCount)
        strand.times.add(to: &counts)
        return counts
    }

    @Test("a time is in the first bucket whose bound it does not exceed")
    func buckets() {
        #expect(CallbackTimes.bucketCount == CallbackTimes.bounds.count + 1)
        #expect(CallbackTimes.bucket(of: 0) == 0)
        for (index, bound) in CallbackTimes.bounds.enumerated() {
            #expect(CallbackTimes.bucket(of: bound) == index)
            #expect(CallbackTimes.bucket(of: bound + 1) == index + 1)
        }
        #expect(CallbackTimes.bucket(of: .max) == CallbackTimes.bounds.count)
    }

    @Test("every callback of a strand is in the histogram, alone, in a batch, or while the strand is crowded")
    func everyCallback() {
        let strand = strand()
        for count in [1, 2, 7, 100] {
            let gate = Gate()
            _ = strand.enqueue(gate.task(.other), promised: true)
            gate.waitUntilItRuns()
            for _ in 0..<count { _ = strand.enqueue(StrandTask(run: {}), promised: true) }
            gate.open()
            finish(strand)
        }
        for _ in 0..<10 { _ = strand.enqueue(StrandTask(run: { usleep(3_000) }), of: sender, bytes: 0) }
        finish(strand)
        // A batch is recorded after the barrier that ends it has run.
        finish(strand)
        let total: UInt64 = counts(strand).reduce(0, +)
        #expect(total >= 129)
        let slow = CallbackTimes.bucket(of: 3_000_000)
        let slowOnes: UInt64 = counts(strand)[slow...].reduce(0, +)
        #expect(slowOnes >= 10)
        strand.close()
    }

    @Test("a callback that takes longer than the limit is reported with its time")
    func slow() {
        let reports = Reports()
        let strand = strand(slowTime: 20_000_000, reports)
        // A strand names its last callback by an address, so they must outlive it.
        let (quick, slow) = (Callback("quick"), Callback("slow"))
        defer { withExtendedLifetime((quick, slow)) {} }
        _ = strand.enqueue(StrandTask(quick, run: {}), promised: true)
        finish(strand)
        _ = strand.enqueue(StrandTask(slow, run: { usleep(30_000) }), promised: true)
        finish(strand)
        finish(strand)
        #expect(reports.all.contains { $0.title == "slow" && $0.nanoseconds >= 30_000_000 })
        strand.close()
    }

    @Test("among several callbacks without a look at the clock, the one that was seen running is reported")
    func slowAmongOthers() {
        let reports = Reports()
        let strand = strand(slowTime: 20_000_000, reports)
        let (first, slow) = (Gate(), Gate())
        _ = strand.enqueue(first.task(Callback("first")), promised: true)
        first.waitUntilItRuns()
        // The clock is read after the first, the second and the fourth callback of the batch.
        for name in ["a", "b"] { _ = strand.enqueue(StrandTask(Callback(name), run: {}), promised: true) }
        _ = strand.enqueue(slow.task(Callback("slow")), promised: true)
        for name in ["c", "d"] { _ = strand.enqueue(StrandTask(Callback(name), run: {}), promised: true) }
        first.open()
        slow.waitUntilItRuns()
        #expect(strand.noteRunning()?.callback.title == "slow")
        usleep(30_000)
        slow.open()
        finish(strand)
        finish(strand)
        #expect(reports.all.contains { $0.title == "slow" && $0.nanoseconds >= 30_000_000 })
        #expect(!reports.all.contains { ["a", "b", "c", "d"].contains($0.title) }, "\(reports.all)")
        strand.close()
    }

    @Test("the age of the queue is the time that the oldest record has waited, and 0 if none waits")
    func age() {
        let strand = strand()
        #expect(strand.oldestWait(at: Clock.monotonicNanoseconds) == 0)
        let gate = Gate()
        _ = strand.enqueue(gate.task(.other), promised: true)
        gate.waitUntilItRuns()
        #expect(strand.oldestWait(at: Clock.monotonicNanoseconds) == 0, "the running callback does not wait")
        _ = strand.enqueue(StrandTask(run: {}), promised: true)
        usleep(60_000)
        _ = strand.enqueue(StrandTask(run: {}), promised: true)
        // The coarse clock has a resolution of some milliseconds.
        #expect(strand.oldestWait(at: Clock.monotonicNanoseconds) >= 50_000_000)
        gate.open()
        finish(strand)
        #expect(strand.oldestWait(at: Clock.monotonicNanoseconds) == 0)
        // After it has been idle, the age counts from the next record.
        usleep(60_000)
        let second = Gate()
        let began = Clock.monotonicNanoseconds
        _ = strand.enqueue(second.task(.other), promised: true)
        second.waitUntilItRuns()
        _ = strand.enqueue(StrandTask(run: {}), promised: true)
        let now = Clock.monotonicNanoseconds
        #expect(strand.oldestWait(at: now) <= now - began + 10_000_000)
        second.open()
        finish(strand)
        strand.close()
    }

    @Test("the age of a crowded queue is that of its oldest record, whoever has the next turn")
    func crowdedAge() {
        let strand = strand()
        let gate = Gate()
        for _ in 0..<5 { _ = strand.enqueue(StrandTask(run: { usleep(10_000) }), of: sender, bytes: 0) }
        _ = strand.enqueue(gate.task(.other), of: Sender(user: 2, socket: 20), bytes: 0)
        gate.waitUntilItRuns()
        let before = strand.oldestWait(at: Clock.monotonicNanoseconds)
        usleep(30_000)
        #expect(strand.oldestWait(at: Clock.monotonicNanoseconds) >= before + 20_000_000)
        gate.open()
        finish(strand)
        #expect(strand.oldestWait(at: Clock.monotonicNanoseconds) == 0)
        strand.close()
    }

    @Test("a slow callback is logged for the first time, and then whenever the number of such calls has doubled")
    func folding() {
        let slow = SlowCallbacks()
        let (one, other) = (Callback("one"), Callback("other"))
        #expect((0..<9).compactMap { _ in slow.add(one) } == [1, 2, 4, 8])
        #expect(slow.add(other) == 1)
        #expect(slow.count == 10)
    }
}
