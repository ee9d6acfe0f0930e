import Synchronization

/// What one loop counts of one inline callback. ``InlineMeter`` puts each on a cache line of its own, so that counting costs a few plain instructions.
///
/// Written by one loop. What other threads read is atomic, loaded and stored without ordering: the numbers may be a moment old.
struct InlineCounters: ~Copyable, Sendable {
    let calls = Atomic<UInt64>(0)
    /// Nanoseconds: each timed call stands for all calls since the one before.
    let time = Atomic<UInt64>(0)
    /// Timed calls above the budget.
    let slow = Atomic<UInt64>(0)
    /// A call is timed if `calls & mask` is 0: each call, or one in 16.
    private var mask: UInt64 = 0
    /// Timed calls in a row that stayed within the budget.
    private var streak: UInt32 = 0
    /// The number of slow calls that is worth the next line in the log.
    private var nextWarning: UInt64 = 1
    /// Up to ``lineSize``.
    private let padding: (UInt64, UInt64) = (0, 0)

    init() {}

    /// Bytes of a cache line.
    static let lineSize = 64
    /// Calls in a row within the budget that prove a callback; from then on one in 16 is timed, until one of those is slow.
    static let proof: UInt32 = 1_000
    private static let samplingMask: UInt64 = 15
    /// A slow call below this, in nanoseconds, may be the fault of a busy machine: a line is written when there have been ``doubtful``.
    private static let certain: Int64 = 5_000_000
    private static let doubtful: UInt64 = 4

    /// Counts a call.
    ///
    /// - Returns: whether it is to be timed.
    @inline(__always)
    mutating func begin() -> Bool {
        let count = calls.load(ordering: .relaxed) &+ 1
        calls.store(count, ordering: .relaxed)
        return count & mask == 0
    }

    /// Counts the time of a call, in nanoseconds.
    ///
    /// - Returns: how many calls were slow so far, if that is worth a line in the log: the first, and then whenever their number has doubled.
    mutating func timed(_ nanoseconds: Int64, budget: Int64) -> UInt64? {
        time.store(time.load(ordering: .relaxed) &+ UInt64(max(0, nanoseconds)) &* (mask &+ 1), ordering: .relaxed)
        guard nanoseconds > budget else {
            if mask == 0 {
                streak += 1
                if streak >= Self.proof { mask = Self.samplingMask }
            }
            return nil
        }
        mask = 0
        streak = 0
        let count = slow.load(ordering: .relaxed) &+ 1
        slow.store(count, ordering: .relaxed)
        guard count >= nextWarning, nanoseconds >= Self.certain || count >= Self.doubtful else { return nil }
        nextWarning = count * 2
        return count
    }
}
