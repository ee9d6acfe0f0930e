/// How late a loop comes to what is due: a tick every ``interval``, measured against the clock. What holds a loop up shows here, whatever it is.
public struct LoopLag: Sendable, Equatable {
    /// Upper bounds in nanoseconds; the last bucket has none.
    public static let bounds: [Int64] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000].map { $0 * 1_000_000 }

    /// From one tick to the next, in nanoseconds.
    static let interval: Int64 = 100_000_000

    /// Ticks by bucket, each tick in one; one more than there are ``bounds``.
    public private(set) var counts = [UInt64](repeating: 0, count: LoopLag.bounds.count + 1)
    /// Of all ticks, in nanoseconds.
    public private(set) var sum: Int64 = 0

    public init() {}

    /// A tick that was due at `moment` has come. A loop that was held up for several intervals has missed ticks, each late by its own time.
    ///
    /// - Returns: when the next one is due.
    mutating func ticked(due moment: Int64, now: Int64) -> Int64 {
        var due = moment
        repeat {
            let lateness = max(0, now - due)
            counts[Self.bounds.firstIndex { lateness <= $0 } ?? Self.bounds.count] += 1
            sum += lateness
            due += Self.interval
        } while due <= now
        return due
    }
}
