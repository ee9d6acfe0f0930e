import NIOCore

extension Loop {
    /// Wake-ups are at least this far apart, so that ten thousand sessions' timers cost a handful of wake-ups; ms. No timer is later by more.
    private static let grain: Int64 = 4

    /// [loop] Moves the wheel to the present, and fires what is due. Called before anything that comes from outside is handled, so that a
    /// session whose time is up is over before its next request is looked at.
    func refreshClock() {
        wheel.advance(to: LoopClock.now)
    }

    /// [loop] Makes sure that the wheel is looked at by `moment`.
    func arm(at moment: Int64) {
        let wakeUp = (moment + Self.grain - 1) / Self.grain * Self.grain
        guard wakeUp < wheel.wakeUp else { return }
        wakeUpTask?.cancel()
        wheel.wakeUp = wakeUp
        wakeUpTask = eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(UInt64(max(wakeUp, 0)) * 1_000_000)) { [unowned self] in
            wheel.wakeUp = .max
            wakeUpTask = nil
            refreshClock()
            if let next = wheel.nextDeadline { arm(at: next) }
        }
    }
}
