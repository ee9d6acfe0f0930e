import EngineIO

/// The deadlines of a connection.
extension HTTPHandler: TimerTarget {
    func setDeadline(in ms: Int64) {
        let moment = loop.wheel.now + ms
        deadline = moment
        // A later deadline keeps the present timer, which then reschedules itself; only an earlier one needs a new
        // timer. So requests move no timers.
        guard moment < timerMoment else { return }
        loop.wheel.cancel(timer)
        startTimer(at: moment)
    }

    private func startTimer(at moment: Int64) {
        timer = loop.wheel.schedule(at: moment, for: self)
        timerMoment = moment
    }

    /// Waits for the reader of a pending answer: it has ``TransportOptions/bodyTimeout`` to read any part of it,
    /// repeatedly.
    func watchPeer() {
        progress = output.progress
        setDeadline(in: server.options.bodyTimeout)
    }

    func timerFired(_ id: TimerID, tag: UInt64) {
        timerMoment = .max
        guard let deadline else { return }
        guard deadline <= loop.wheel.now else { return startTimer(at: deadline) }
        self.deadline = nil
        switch phase {
        case .serving where isWaiting || exchange?.isStreaming == true || isAnswerUnread:
            if peerIsReading { watchPeer() } else { cutOff() }
        case .serving where exchange != nil:
            loop.counters.slowRequests += 1
            server.refused("too_slow", "the request did not arrive in time", from: remoteAddress)
            refuse(status: 408)
        case .serving: context?.close(promise: nil)
        case .ending: linger(since: deadline - server.options.lingerTimeout)
        case .over: break
        }
    }

    /// The peer has read some of the pending output since the deadline was set, or no output is pending.
    private var peerIsReading: Bool { output.bufferedBytes == 0 || output.progress != progress }

    /// The last answer is written, and the peer has not read all of it.
    private var isAnswerUnread: Bool { exchange == nil && output.bufferedBytes > 0 }

    private func cutOff() {
        loop.counters.slowReaders += 1
        context?.close(promise: nil)
    }

    /// ``TransportOptions/lingerTimeout`` has passed since FIN was queued. A peer that has not read all output yet gets
    /// the time of any other reader.
    private func linger(since moment: Int64) {
        guard output.bufferedBytes > 0 else {
            context?.close(promise: nil)
            return
        }
        if output.progress != progress {
            progress = output.progress
            stalledSince = nil
        } else {
            let since = stalledSince ?? moment
            let patience =
                server.isStopping.load(ordering: .relaxed) ? server.options.lingerTimeout : server.options.bodyTimeout
            guard loop.wheel.now - since < patience else { return cutOff() }
            stalledSince = since
        }
        setDeadline(in: server.options.lingerTimeout)
    }
}

extension HTTPHandler: LoopConnection {
    func drain() {
        if let exchange {
            exchange.keepsAlive = false
        } else {
            end()
        }
    }

    func abort() {
        context?.close(promise: nil)
    }

    var isUnauthenticated: Bool { !isKnown }

    var heldBytes: Int { charged + output.bufferedBytes }

    var waitingBytes: Int { output.bufferedBytes }
}
