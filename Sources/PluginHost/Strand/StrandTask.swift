/// Work on a strand that is no event: lifecycle, timers, answers, requests. Exactly one of the two closures is called.
final class StrandTask: Sendable {
    /// What it calls, for whoever looks on.
    let callback: Callback
    /// On the strand.
    let run: @Sendable () -> Void
    /// When the plugin goes first; on the strand, or on whichever thread ends it.
    let drop: @Sendable () -> Void

    init(_ callback: Callback = .other, run: @escaping @Sendable () -> Void, drop: @escaping @Sendable () -> Void = {}) {
        self.callback = callback
        self.run = run
        self.drop = drop
    }
}
