/// How many bytes the connections of one loop read at a time, so that those that send more work than there is time for
/// share the time of each tick, and nobody else waits for long. What a connection does not read stays in the kernel,
/// which slows its sender down.
///
/// A read that takes longer than a share is followed by smaller ones of that connection; the share is the time of a
/// tick divided by the number of connections that needed much of it in the tick before, or by all that were timed if
/// they took too long together. Reads of a few bytes are not timed: nobody floods with them.
struct ReadShares {
    /// Nanoseconds that such connections may take of one tick together.
    static let budget: Int64 = 4_000_000
    /// Bytes of the largest read.
    static let most = 65_536
    /// Bytes of the smallest read of a connection that takes too long.
    static let least = 128
    /// Reads of fewer bytes are not timed, unless the connection is limited.
    static let timed = 1_024
    /// Nanoseconds for a byte, as dear as short requests are: what is expected of a connection
    /// that nothing is known of.
    private static let expectedCost: Int64 = 60
    /// How much larger than the last read the next one may be.
    private static let growth = 4

    /// Nanoseconds one connection may take of a tick.
    private(set) var share = budget
    /// Timed reads since the last end of a tick, how many of them needed much, and what all took; ns.
    private var reads: Int64 = 0
    private var takers: Int64 = 0
    private var spent: Int64 = 0
    private var isEndExpected = false

    /// Bytes that a connection reads of which nothing is known.
    var sizeForNewcomers: Int { Self.size(Int(share / Self.expectedCost), least: Self.timed) }

    /// A read was handled.
    ///
    /// - Parameters:
    ///   - limit: the bytes that this connection reads at most, 0 if nothing was known of it; becomes what
    ///     it is to read from now on.
    ///   - isFull: more may have come than was read.
    /// - Returns: whether ``tickEnded()`` is to be called when the tick ends. Not while all that is read takes little.
    mutating func record(bytes: Int, isFull: Bool, nanoseconds: Int64, limit: inout Int32) -> Bool {
        let known = limit == 0 ? sizeForNewcomers : Int(limit)
        let allowed = Int(share * Int64(bytes) / max(1, nanoseconds))
        let next = Self.size(min(allowed, bytes * Self.growth), least: Self.least)
        // Less than was there says nothing of what the connection could do with more.
        if isFull ? next != known : nanoseconds > share && next < known { limit = Int32(next) }
        reads += 1
        spent += nanoseconds
        if nanoseconds > share / 2 { takers += 1 }
        guard !isEndExpected, takers > 0 || spent > Self.budget / 2 else { return false }
        isEndExpected = true
        return true
    }

    /// The loop has looked at every connection that had something.
    mutating func tickEnded() {
        share = Self.budget / max(1, spent > Self.budget ? reads : takers)
        (reads, takers, spent, isEndExpected) = (0, 0, 0, false)
    }

    /// The power of two that is not above `bytes`, within the bounds.
    private static func size(_ bytes: Int, least: Int) -> Int {
        guard bytes > least else { return least }
        guard bytes < most else { return most }
        return 1 << (Int.bitWidth - 1 - bytes.leadingZeroBitCount)
    }
}
