import Glibc

/// The three clocks that are asked here; each reading is tens of nanoseconds without a system call.
enum Clock {
    /// Nanoseconds since some moment; never goes back.
    @inline(__always)
    static var monotonicNanoseconds: Int64 { read(CLOCK_MONOTONIC) }

    /// The same, a few milliseconds coarse and about five times cheaper.
    @inline(__always)
    static var coarseNanoseconds: Int64 { read(CLOCK_MONOTONIC_COARSE) }

    /// Milliseconds since 1970-01-01 UTC; may jump.
    static var wallMilliseconds: Int64 { read(CLOCK_REALTIME) / 1_000_000 }

    @inline(__always)
    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
