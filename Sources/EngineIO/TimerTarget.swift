/// What a ``TimerWheel`` calls when a timer is due.
public protocol TimerTarget: AnyObject {
    /// The timer `id` is due, and gone from the wheel. `tag` is what it was scheduled with.
    func timerFired(_ id: TimerID, tag: UInt64)
}
