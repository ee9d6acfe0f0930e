import Synchronization

/// How long callbacks took: a histogram. One thread writes it, any thread reads it.
///
/// `@unchecked Sendable`: `counts` is written by `init` only; its elements are atomic, with relaxed ordering, so the
/// values that other threads read may be slightly old.
final class CallbackTimes: @unchecked Sendable {
    /// Upper bounds of the buckets in nanoseconds; the last bucket has none.
    static let bounds: [Int64] = [
        1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000, 50_000_000, 100_000_000,
        500_000_000, 1_000_000_000, 5_000_000_000, 10_000_000_000,
    ]
    static let bucketCount = 16

    private let counts: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
        counts = .allocate(capacity: Self.bucketCount)
        for index in 0..<Self.bucketCount { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit { counts.deallocate() }

    /// Records `count` callbacks that took `nanoseconds` each. By the writing thread.
    func add(_ nanoseconds: Int64, count: UInt64) {
        let bucket = counts + Self.bucket(of: nanoseconds)
        bucket.pointee.store(bucket.pointee.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    /// The bucket of a time: the first whose bound it does not exceed.
    static func bucket(of nanoseconds: Int64) -> Int {
        // The bounds are computed, since a loop over ``bounds`` would read an array for each callback. Most callbacks
        // take a few microseconds, so the search begins at the shortest time.
        var index = 0
        var bound: Int64 = 1_000
        while index < bucketCount - 1, nanoseconds > bound {
            bound = index & 1 == 0 ? bound * 5 : bound * 2
            index += 1
        }
        return index
    }

    /// Adds the callbacks of each bucket alone to `sums`. [any-thread]
    func add(to sums: inout [UInt64]) {
        for index in 0..<Self.bucketCount { sums[index] &+= counts[index].load(ordering: .relaxed) }
    }
}
