import NIOCore

extension Loop {
    /// [loop] Begins what is done ten times a second: to measure the loop's lag, and to see that memory is enough.
    func startTicking() {
        tick(at: .now() + .nanoseconds(LoopLag.interval))
    }

    private func tick(at moment: NIODeadline) {
        _ = eventLoop.assumeIsolated().scheduleTask(deadline: moment) { [unowned self] in
            let next = lag.ticked(due: Int64(moment.uptimeNanoseconds), now: Int64(NIODeadline.now().uptimeNanoseconds))
            watchMemory()
            ticks += 1
            if ticks % Self.ticksBetweenShrinks == 0 { wheel.shrink() }
            tick(at: .uptimeNanoseconds(UInt64(next)))
        }
    }

    /// A second.
    private static let ticksBetweenShrinks: UInt64 = 10

    private func watchMemory() {
        account.publish()
        guard account.budget.isExceeded else {
            wasExceeded = false
            return
        }
        closeUnauthenticated()
        // Not in the first tick: the other loops close their unauthenticated clients first.
        if wasExceeded { closeSlowReaders() }
        wasExceeded = true
    }
}
