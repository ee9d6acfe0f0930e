/// Decides how many bytes each connection of a loop reads at a time, so that connections which send more work than the
/// loop can do share the time of each tick and do not delay the others. Unread bytes stay in the kernel, which slows
/// their sender down.
///
/// A connection whose read takes longer than ``share`` reads less the next time. The share is ``budget`` divided by the
/// number of connections that used more than half of their share in the previous tick, or by all timed reads if these
/// took longer than the budget together. Reads of a few bytes are not timed: they cannot flood the loop.
struct ReadShares {
    /// Time of one tick for all timed reads together; ns.
    static let budget: Int64 = 4_000_000
    /// The size of the largest read; bytes.
    static let most = 65_536
    /// The smallest limit for a connection whose reads take too long; bytes.
    static let least = 128
    /// Reads of fewer bytes are not timed, unless the connection is limited.
    static let timed = 1_024
    /// The expected time per byte on a connection without a measurement: that of short requests, the most expensive
    /// input; ns.
    private static let expectedCost: Int64 = 60
    /// A read may be larger than the connection's last one by this factor.
    private static let growth = 4

    /// Time that one connection may use in a tick; ns.
    private(set) var share = budget
    /// Since the last end of a tick: timed reads, those that took more than half a share, and the time of all in ns.
    private var reads: Int64 = 0
    private var slowReads: Int64 = 0
    private var spent: Int64 = 0
    private var isEndExpected = false

    /// Bytes of one read on a connection without a measurement.
    var initialReadSize: Int { Self.size(Int(share / Self.expectedCost), least: Self.timed) }

    /// Records a read that has been handled.
    ///
    /// - Parameters:
    ///   - limit: the bytes that this connection reads at most, 0 if it has no limit yet; set to its new limit.
    ///   - isFull: the read filled its buffer, so more input may be waiting.
    /// - Returns: whether the caller must call ``tickEnded()`` at the end of the tick; false while all reads together
    ///   take little time.
    mutating func record(bytes: Int, isFull: Bool, nanoseconds: Int64, limit: inout Int32) -> Bool {
        let known = limit == 0 ? initialReadSize : Int(limit)
        let allowed = Int(share * Int64(bytes) / max(1, nanoseconds))
        let next = Self.size(min(allowed, bytes * Self.growth), least: Self.least)
        // A read that did not fill its buffer does not show that the connection could read more: it only lowers the
        // limit.
        if isFull ? next != known : nanoseconds > share && next < known { limit = Int32(next) }
        reads += 1
        spent += nanoseconds
        if nanoseconds > share / 2 { slowReads += 1 }
        guard !isEndExpected, slowReads > 0 || spent > Self.budget / 2 else { return false }
        isEndExpected = true
        return true
    }

    /// Called when the loop has read every connection that had input.
    mutating func tickEnded() {
        share = Self.budget / max(1, spent > Self.budget ? reads : slowReads)
        (reads, slowReads, spent, isEndExpected) = (0, 0, 0, false)
    }

    /// The largest power of two that is at most `bytes`, between `least` and ``most``.
    private static func size(_ bytes: Int, least: Int) -> Int {
        guard bytes > least else { return least }
        guard bytes < most else { return most }
        return 1 << (Int.bitWidth - 1 - bytes.leadingZeroBitCount)
    }
}
