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

/// The server's pings and the client's pongs (v4): a ping every interval *from the last pong*, and the
/// end if none comes in time.
///
/// Deadlines are computed from the moment something was due, not from when a timer got round to it, so lateness
/// never adds up. A ping that went out much too late, because the process was stopped or busy, leaves its client
/// the whole time to answer.
enum Heartbeat: Equatable {
    /// The next ping is due at this time.
    case resting(until: Int64)
    /// A ping was sent; the pong is due at this time.
    case awaitingPong(until: Int64)
    /// The session is over.
    case stopped

    /// What is to be done when its time has come.
    enum Action: Equatable {
        case sendPing
        case expire
        case nothing
    }

    /// A ping that goes out later than this after it was due counts from when it went; ms.
    static let lateness: Int64 = 100

    /// When something happens next.
    var deadline: Int64? {
        switch self {
        case .resting(let time), .awaitingPong(let time): time
        case .stopped: nil
        }
    }

    static func started(at now: Int64, options: EngineOptions) -> Heartbeat {
        .resting(until: now + options.pingInterval)
    }

    /// Time has moved on.
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

    /// A pong came; one that nobody asked for moves the next ping as well, as in the reference.
    mutating func pong(at now: Int64, options: EngineOptions) {
        switch self {
        case .resting, .awaitingPong: self = .resting(until: now + options.pingInterval)
        case .stopped: break
        }
    }
}
