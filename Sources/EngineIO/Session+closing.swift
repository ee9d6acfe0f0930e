extension Session {
    /// Closes the session: what was sent goes out, then the close packet (polling, on the waiting GET or the next one within
    /// ``EngineOptions/closeTimeout``) or the close frame. The receiver is told on the spot. Does nothing when it is over already.
    public func close(_ reason: CloseReason) {
        guard phase == .open else { return }
        if webSocket != nil { return end(reason) }
        phase = .closing
        queue.append(.close)
        stopTimers()
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.closeTimeout, for: self, tag: TimerTag.closing.rawValue)
        closeCandidate()
        tellReceiver(reason)
        answerPoll()
    }

    /// Ends the session at once, for an error of the client. A waiting GET gets what was queued and the close packet; without one the
    /// id is unknown from here on.
    public func abort(_ reason: CloseReason) {
        guard phase != .closed else { return }
        if let poll = polling.take() {
            if phase == .open { queue.append(.close) }
            // A queue that has overflowed is not written out on the way to the door.
            if hasOverflowed {
                queue.removeAll()
                queue.append(.close)
            }
            answer(poll)
        }
        end(reason)
    }

    /// The client closed the session in a POST; the GET that goes with it may still be on its way.
    func leave() {
        phase = .leaving
        stopTimers()
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.goodbyeGrace, for: self, tag: TimerTag.closing.rawValue)
        closeCandidate()
        tellReceiver(.transportClose)
    }

    /// Nothing more comes from the client, and nothing more can be told to it.
    func end(_ reason: CloseReason) {
        guard phase != .closed else { return }
        let wasOpen = phase == .open
        phase = .closed
        stopTimers()
        closeCandidate()
        webSocket?.close()
        polling.take()?.refuse(.unknown)
        dropQueue()
        heartbeat = .stopped
        table.remove(self)
        posting.release()
        if wasOpen { tellReceiver(reason) }
    }

    func stopTimers() {
        heartbeat = .stopped
        for timer in [heartbeatTimer, stageTimer, tickTimer] { table.timers.cancel(timer) }
    }

    func closeCandidate() {
        let candidate = upgrade.candidate
        upgrade.abandon()
        candidate?.close()
    }

    private func tellReceiver(_ reason: CloseReason) {
        let receiver = self.receiver
        self.receiver = nil
        receiver?.closed(reason)
    }
}
