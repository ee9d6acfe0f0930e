import NIOCore
import Support

extension Loop {
    /// Wake-ups are at least this far apart, so that ten thousand sessions' timers cost a handful of wake-ups; ms. No timer is later by more.
    private static let grain: Int64 = 4

    /// A loop that is later than this with its timers was stopped or busy, and what came meanwhile has not been read; ms.
    static let lateness: Int64 = 100

    /// [loop] Moves the wheel to the present, and fires what is due. Called before anything that comes from outside is handled, so that a
    /// session whose time is up is over before its next request is looked at.
    ///
    /// On a loop that is late nothing fires yet: what has come is read before anybody is given up.
    @inline(__always)
    func refreshClock() {
        let now = Clock.monotonicMilliseconds
        guard now - wheel.wakeUp < Self.lateness else { return catchUp(at: now) }
        wheel.advance(to: now)
    }

    /// [loop] Makes sure that the wheel is looked at by `moment`.
    func arm(at moment: Int64) {
        let wakeUp = (moment + Self.grain - 1) / Self.grain * Self.grain
        guard wakeUp < wheel.wakeUp else { return }
        wakeUpTask?.cancel()
        wheel.wakeUp = wakeUp
        wakeUpTask = eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(UInt64(max(wakeUp, 0)) * 1_000_000)) { [unowned self] in
            let now = Clock.monotonicMilliseconds
            if now - wheel.wakeUp < Self.lateness { fireTimers(at: now) } else { catchUp(at: now) }
        }
    }

    private func fireTimers(at now: Int64) {
        wheel.wakeUp = .max
        wakeUpTask = nil
        wheel.advance(to: now)
        if let next = wheel.nextDeadline { arm(at: next) }
    }

    // MARK: - Catching up

    /// [loop] The loop is late: time moves on, and timers wait until everything that had come has been read. ``TimerWheel/wakeUp`` stays in the past
    /// meanwhile, so that every look at the clock ends up here.
    private func catchUp(at now: Int64) {
        wheel.moveClock(to: now)
        guard !isCatchingUp else { return }
        isCatchingUp = true
        guard let inputFence else { return caughtUp() }
        // The second time for connections that were accepted, or that had more to say than one read takes, in the first.
        inputFence.enqueue { [unowned self] in
            inputFence.enqueue { [unowned self] in caughtUp() }
        }
    }

    private func caughtUp() {
        isCatchingUp = false
        wakeUpTask?.cancel()
        fireTimers(at: Clock.monotonicMilliseconds)
    }
}
