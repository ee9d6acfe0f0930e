/// How late a loop comes to what is due: housekeeping every ``interval``, measured against the clock. What holds a loop up shows here, whatever it is.
public struct LoopLag: Sendable, Equatable {
    /// Upper bounds in nanoseconds; the last bucket has none.
    public static let bounds: [Int64] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000].map { $0 * 1_000_000 }

    /// From one run of the housekeeping to the next, in nanoseconds.
    static let interval: Int64 = 100_000_000

    /// Runs by bucket, each run in one; one more than there are ``bounds``.
    public private(set) var counts = [UInt64](repeating: 0, count: LoopLag.bounds.count + 1)
    /// Of all runs, in nanoseconds.
    public private(set) var sum: Int64 = 0

    public init() {}

    /// The housekeeping that was due at `moment` runs. A loop that was held up for several intervals has missed runs, each late by its own time.
    ///
    /// - Returns: when the next one is due.
    mutating func recordRun(due moment: Int64, now: Int64) -> Int64 {
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
