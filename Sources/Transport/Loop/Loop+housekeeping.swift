import NIOCore

extension Loop {
    /// [loop] Begins what is done ten times a second: to measure the loop's lag, and to see that memory is enough.
    func startHousekeeping() {
        housekeep(at: .now() + .nanoseconds(LoopLag.interval))
    }

    private func housekeep(at moment: NIODeadline) {
        _ = eventLoop.assumeIsolated().scheduleTask(deadline: moment) { [unowned self] in
            let next = lag.recordRun(due: Int64(moment.uptimeNanoseconds), now: Int64(NIODeadline.now().uptimeNanoseconds))
            watchMemory()
            housekeepingRuns += 1
            if housekeepingRuns % Self.runsBetweenShrinks == 0 { wheel.shrink() }
            housekeep(at: .uptimeNanoseconds(UInt64(next)))
        }
    }

    /// A second.
    private static let runsBetweenShrinks: UInt64 = 10

    private func watchMemory() {
        account.publish()
        guard account.budget.isExceeded else {
            wasExceeded = false
            return
        }
        closeUnauthenticated()
        // Not in the first run: the other loops close their unauthenticated clients first.
        if wasExceeded { closeSlowReaders() }
        wasExceeded = true
    }
}
