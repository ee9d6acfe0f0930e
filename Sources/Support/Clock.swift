import Glibc

/// The system's clocks. A reading takes tens of ns and no system call. [any-thread]
public enum Clock {
    /// Nanoseconds since an unspecified moment; never decreases.
    @inlinable
    @inline(__always)
    public static var monotonicNanoseconds: Int64 { read(CLOCK_MONOTONIC) }

    /// ``monotonicNanoseconds`` in milliseconds: the clock of the loops' timers.
    @inlinable
    public static var monotonicMilliseconds: Int64 { monotonicNanoseconds / 1_000_000 }

    /// Nanoseconds since the same moment, with a resolution of a few milliseconds; about five times cheaper.
    @inlinable
    @inline(__always)
    public static var coarseNanoseconds: Int64 { read(CLOCK_MONOTONIC_COARSE) }

    /// Milliseconds since 1970-01-01 UTC; may jump.
    @inlinable
    public static var wallMilliseconds: Int64 { read(CLOCK_REALTIME) / 1_000_000 }

    @inlinable
    @inline(__always)
    static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
