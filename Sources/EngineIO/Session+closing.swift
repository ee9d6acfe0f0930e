extension Session {
    /// Closes the session: what was sent goes out, then the close packet (polling, within ``EngineOptions/closeTimeout``) or the close
    /// frame. The receiver is told on the spot. Does nothing when it is over already.
    ///
    /// Over polling the close packet never shares an answer with messages: the JavaScript client acts on it at once and on messages a tick
    /// later, so it would lose the messages and report `transport close` where they end in a DISCONNECT. They go out on one GET, the close
    /// packet on the next. An upgrade under way goes on: a client whose probe was answered has stopped polling, and would wait for its own
    /// ping timeout if the WebSocket were closed. It switches over, and the WebSocket is closed behind what was sent.
    public func close(_ reason: CloseReason) {
        guard phase == .open else { return }
        if webSocket != nil { return end(reason) }
        phase = .closing
        stopTimers()
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.closeTimeout, for: self, tag: TimerTag.closing.rawValue)
        notifyReceiver(reason)
        answerPoll()
    }

    /// Ends the session at once, for an error of the client; the id is unknown from here on. A waiting GET gets what was queued, else the
    /// close packet.
    public func abort(_ reason: CloseReason) {
        guard phase != .closed else { return }
        if let poll = pollState.unpark() {
            // A queue that has overflowed is not written out any more.
            if let waiting, !waiting.isEmpty, !hasOverflowed {
                answer(poll)
            } else {
                answerWithClose(poll)
            }
        }
        end(reason)
    }

    /// The client closed the session in a POST; the GET that goes with it may still be on its way.
    func leave() {
        phase = .leaving
        stopTimers()
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.closeGracePeriod, for: self, tag: TimerTag.closing.rawValue)
        closeCandidate()
        notifyReceiver(.transportClose)
    }

    /// Nothing more comes from the client, and nothing more can be told to it.
    func end(_ reason: CloseReason) {
        guard phase != .closed else { return }
        let wasOpen = phase == .open
        phase = .closed
        stopTimers()
        closeCandidate()
        webSocket?.close()
        pollState.unpark()?.refuse(.unknown)
        dropQueue()
        heartbeat = .stopped
        table.remove(self)
        postState.release()
        if wasOpen { notifyReceiver(reason) }
    }

    func stopTimers() {
        heartbeat = .stopped
        for timer in [heartbeatTimer, stageTimer, noopTimer] { table.timers.cancel(timer) }
    }

    func closeCandidate() {
        let candidate = upgrade.candidate
        upgrade.abandon()
        candidate?.close()
    }

    private func notifyReceiver(_ reason: CloseReason) {
        let receiver = self.receiver
        self.receiver = nil
        receiver?.closed(reason)
    }
}
