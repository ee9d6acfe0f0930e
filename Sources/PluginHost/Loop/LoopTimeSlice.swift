import Support

/// What mailboxes may take of a loop's time before it writes what they made, looks at its connections, and goes on with them.
struct LoopTimeSlice {
    /// Nanoseconds. Long enough that a broadcast to thousands, which is not cut, is the rule rather than the exception; far below what a client notices.
    private static let full: Int64 = 2_000_000
    /// What one record for one socket costs, about, in nanoseconds: too little to be measured each time. Its bytes are copied at some 8 a nanosecond.
    private static let recordCost: Int64 = 700

    private var left = Self.full

    var isUsedUp: Bool { left <= 0 }

    mutating func chargeRecord(of bytes: Int) { left -= Self.recordCost + Int64(bytes >> 3) }

    /// Charges the time that `body` takes.
    mutating func charge<Result>(_ body: () -> Result) -> Result {
        let start = Clock.monotonicNanoseconds
        defer { left -= Clock.monotonicNanoseconds - start }
        return body()
    }

    mutating func renew() { left = Self.full }
}
