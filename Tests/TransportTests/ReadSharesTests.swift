import Testing

@testable import Transport

@Suite struct ReadSharesTests {
    private static let millisecond: Int64 = 1_000_000

    @Test func `a connection whose reads are fast has no limit`() {
        var shares = ReadShares()
        var limit: Int32 = 0
        for _ in 0..<10 {
            #expect(!shares.record(bytes: ReadShares.most, isFull: true, nanoseconds: 100_000, limit: &limit))
        }
        #expect(limit == 0 && shares.initialReadSize == ReadShares.most)
    }

    @Test
    func `a read that took ten times its share is followed by a tenth, and fast reads raise the limit again`() {
        var shares = ReadShares()
        var limit: Int32 = 0
        #expect(shares.record(bytes: ReadShares.most, isFull: true, nanoseconds: 10 * ReadShares.budget, limit: &limit))
        #expect(limit == 4_096)
        shares.tickEnded()
        for size: Int32 in [16_384, 65_536] {
            #expect(!shares.record(bytes: Int(limit), isFull: true, nanoseconds: 1_000, limit: &limit))
            #expect(limit == size)
        }
    }

    @Test func `connections with slow reads share the time of a tick`() {
        var shares = ReadShares()
        var limits = [Int32](repeating: 0, count: 50)
        for tick in 0..<10 {
            var spent: Int64 = 0
            for index in limits.indices {
                // 1 µs per byte.
                let bytes = limits[index] == 0 ? shares.initialReadSize : Int(limits[index])
                spent += Int64(bytes) * 1_000
                _ = shares.record(bytes: bytes, isFull: true, nanoseconds: Int64(bytes) * 1_000, limit: &limits[index])
            }
            shares.tickEnded()
            // The time of the smallest reads.
            if tick > 2 { #expect(spent <= 50 * Int64(ReadShares.least) * 1_000) }
        }
        #expect(shares.share == ReadShares.budget / 50)
    }

    @Test func `many connections with fast reads also share the time of a tick`() {
        var shares = ReadShares()
        var limits = [Int32](repeating: 0, count: 350)
        var spent: Int64 = 0
        for _ in 0..<3 {
            spent = 0
            for index in limits.indices {
                // 1 ns per byte.
                let bytes = limits[index] == 0 ? shares.initialReadSize : Int(limits[index])
                spent += Int64(bytes)
                _ = shares.record(bytes: bytes, isFull: true, nanoseconds: Int64(bytes), limit: &limits[index])
            }
            shares.tickEnded()
        }
        #expect(spent <= ReadShares.budget)
    }

    @Test func `a connection that sent less than its limit gets no higher limit`() {
        var shares = ReadShares()
        var limit: Int32 = 1_024
        _ = shares.record(bytes: 100, isFull: false, nanoseconds: 1_000, limit: &limit)
        #expect(limit == 1_024)
        _ = shares.record(bytes: 1_000, isFull: false, nanoseconds: 4 * ReadShares.budget, limit: &limit)
        #expect(limit == 128)
    }

    @Test func `a large message of an honest client needs few reads while others flood`() {
        var shares = ReadShares()
        var limit: Int32 = 0
        for _ in 0..<50 {
            var other: Int32 = 0
            _ = shares.record(bytes: ReadShares.most, isFull: true, nanoseconds: 50 * Self.millisecond, limit: &other)
        }
        shares.tickEnded()
        var left = 1_000_000, reads = 0
        while left > 0 {
            let bytes = min(left, limit == 0 ? shares.initialReadSize : Int(limit))
            // A third of a nanosecond per byte.
            _ = shares.record(bytes: bytes, isFull: true, nanoseconds: Int64(bytes / 3 + 200), limit: &limit)
            left -= bytes
            reads += 1
        }
        #expect(reads < 25)
    }
}
