import NIOCore

/// The monotonic clock of the timer wheels.
enum LoopClock {
    /// ms since some moment before the process began.
    static var now: Int64 {
        Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000)
    }
}
