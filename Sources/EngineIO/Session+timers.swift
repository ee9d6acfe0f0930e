extension Session: TimerTarget {
    /// What a timer of a session is for.
    enum TimerTag: UInt64 {
        case heartbeat
        case upgrade
        case noop
        case closing
    }

    public func timerFired(_ id: TimerID, tag: UInt64) {
        switch TimerTag(rawValue: tag) {
        case .heartbeat: heartbeatDue()
        case .upgrade: upgradeTimedOut()
        case .noop: sendUpgradeNoop()
        // Nobody came for the close packet, or no GET after a goodbye.
        case .closing: end(.forcedClose)
        case nil: break
        }
    }

    func scheduleHeartbeat() {
        guard let deadline = heartbeat.deadline else { return }
        heartbeatTimer = table.timers.schedule(at: deadline, for: self, tag: TimerTag.heartbeat.rawValue)
    }

    private func heartbeatDue() {
        switch heartbeat.advance(to: table.timers.now, options: table.options) {
        case .sendPing:
            if let webSocket {
                webSocket.send(.text, count: 1, compress: true) { $0[0] = PacketType.ping.rawValue }
            } else {
                queue.append(.ping)
                answerPoll()
            }
        case .expire:
            return abort(.pingTimeout)
        case .nothing:
            break
        }
        scheduleHeartbeat()
    }

    func pong() {
        table.timers.cancel(heartbeatTimer)
        heartbeat.pong(at: table.timers.now, options: table.options)
        scheduleHeartbeat()
    }
}
