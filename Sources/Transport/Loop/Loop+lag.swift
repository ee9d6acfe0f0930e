import NIOCore

extension Loop {
    /// [loop] Begins to measure how late the loop comes to what is due.
    func startTicking() {
        tick(at: .now() + .nanoseconds(LoopLag.interval))
    }

    private func tick(at moment: NIODeadline) {
        _ = eventLoop.assumeIsolated().scheduleTask(deadline: moment) { [unowned self] in
            let next = lag.ticked(due: Int64(moment.uptimeNanoseconds), now: Int64(NIODeadline.now().uptimeNanoseconds))
            tick(at: .uptimeNanoseconds(UInt64(next)))
        }
    }
}
