extension Session: TimerTarget {
    /// The purpose of a session's timer.
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
        // No poll fetched the close packet in time, or no GET followed a close packet from the client.
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

/// The heartbeat of v4: the server sends a ping one interval after the last pong, and the session ends if no pong comes
/// in time.
///
/// Deadlines are computed from the time at which an event was due, not from when its timer fired, so delays do not
/// accumulate. If a ping is sent much too late because the process was stopped or busy, the client still gets the whole
/// `pingTimeout` to answer.
enum Heartbeat: Equatable {
    /// The next ping is due at `until`.
    case resting(until: Int64)
    /// A ping was sent; the pong is due at `until`.
    case awaitingPong(until: Int64)
    /// The session has ended.
    case stopped

    /// What to do when a deadline has passed.
    enum Action: Equatable {
        case sendPing
        case expire
        case nothing
    }

    /// If a ping is sent later than this after it was due, the pong's deadline counts from the sending; ms.
    static let lateness: Int64 = 100

    /// The time of the next action.
    var deadline: Int64? {
        switch self {
        case .resting(let time), .awaitingPong(let time): time
        case .stopped: nil
        }
    }

    static func started(at now: Int64, options: EngineOptions) -> Heartbeat {
        .resting(until: now + options.pingInterval)
    }

    /// Returns the action that is due at `now`.
    mutating func advance(to now: Int64, options: EngineOptions) -> Action {
        switch self {
        case .resting(let due) where now >= due:
            self = .awaitingPong(until: (now - due > Self.lateness ? now : due) + options.pingTimeout)
            return .sendPing
        case .awaitingPong(let due) where now >= due:
            self = .stopped
            return .expire
        case .resting, .awaitingPong, .stopped:
            return .nothing
        }
    }

    /// Records a pong. An unexpected one postpones the next ping as well, as in the reference.
    mutating func pong(at now: Int64, options: EngineOptions) {
        switch self {
        case .resting, .awaitingPong: self = .resting(until: now + options.pingInterval)
        case .stopped: break
        }
    }
}
