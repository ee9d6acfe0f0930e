import CIsolation
import Glibc
import Support
import Synchronization

/// Polls for a short time before a thread sleeps, as long as that often succeeds: waking a thread on an idle processor
/// takes about 20 µs (Benchmarks/NOTES.md, "Wake-ups between processes"). After a failure the next polls are left out:
/// one, then two, at most 64, so that an idle thread uses almost no processor time. Any thread; the counters are
/// estimates.
final class AdaptiveSpin: Sendable {
    /// How long to poll; 0 never polls.
    private let nanoseconds: Int64
    private let skips = Atomic<Int>(0)
    private let skipsAfterFailure = Atomic<Int>(1)

    init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Whether the condition became true.
    @inline(__always)
    func poll(_ condition: () -> Bool) -> Bool {
        if condition() { return true }
        guard nanoseconds > 0 else { return false }
        let left = skips.load(ordering: .relaxed)
        if left > 0 {
            skips.store(left - 1, ordering: .relaxed)
            return false
        }
        let end = Clock.monotonicNanoseconds + nanoseconds
        repeat {
            for _ in 0..<16 {
                if condition() {
                    skipsAfterFailure.store(1, ordering: .relaxed)
                    return true
                }
                jf_relax()
            }
            // On a busy machine the thread that it waits for may need this processor.
            sched_yield()
        } while Clock.monotonicNanoseconds < end
        let next = skipsAfterFailure.load(ordering: .relaxed)
        skips.store(next, ordering: .relaxed)
        skipsAfterFailure.store(min(2 * next, 64), ordering: .relaxed)
        return false
    }
}
