/// Names a scheduled timer. Stale ids are harmless: a slot that is used anew has another generation.
public struct TimerID: Sendable, Hashable {
    var index: UInt32
    var generation: UInt32

    /// No timer; cancelling it does nothing.
    public static let none = TimerID(index: .max, generation: 0)
}
