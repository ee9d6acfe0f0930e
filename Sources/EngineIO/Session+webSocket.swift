/// What Transport reports of WebSocket connections that bear this session's id.
extension Session {
    /// A WebSocket with this session's id opened. Unless it is the one that may upgrade the session, it is closed.
    public func webSocketOpened(_ output: any WebSocketOutput) {
        guard phase == .open, upgrade.open(output) else { return output.close() }
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.upgradeTimeout, for: self, tag: TimerTag.upgrade.rawValue)
    }

    /// A text message came over `output`; valid UTF-8.
    public func webSocketReceived(text: UnsafeMutableRawBufferPointer, over output: any WebSocketOutput) {
        guard output === webSocket else { return candidateReceived(EnginePacket(decoding: text), over: output) }
        guard phase == .open else { return }
        if text.first == PacketType.message.rawValue {
            receiver?.received(text: UnsafeMutableRawBufferPointer(rebasing: text[1...]))
        } else {
            received(EnginePacket(decoding: text))
        }
    }

    /// A binary message came over `output`.
    public func webSocketReceived(binary: UnsafeMutableRawBufferPointer, over output: any WebSocketOutput) {
        guard output === webSocket else { return candidateReceived(.binary(binary), over: output) }
        guard phase == .open else { return }
        receiver?.received(binary: binary)
    }

    /// `output` closed or broke. If the session speaks over it, the session is over.
    public func webSocketGone(_ output: any WebSocketOutput, reason: CloseReason) {
        if output === webSocket {
            webSocket = nil
            upgrade = .done
            end(reason)
        } else if output === upgrade.candidate {
            upgrade.abandon()
            stopUpgradeTimers()
        }
    }

    // MARK: - Upgrade

    private func candidateReceived(_ packet: EnginePacket, over output: any WebSocketOutput) {
        guard output === upgrade.candidate else { return }
        switch upgrade.received(packet) {
        case .answerProbe:
            output.send(.text, count: 6, compress: true) { $0.copyBytes(from: "3probe".utf8) }
            if case .waiting(_, late: false) = pollState { releasePoll() }
            guard phase == .open else { return }
            table.timers.cancel(noopTimer)
            scheduleUpgradeNoop()
        case .switchOver:
            stopUpgradeTimers()
            switchOver(to: output)
            if phase == .closing { end(.forcedClose) }
        case .reject:
            stopUpgradeTimers()
            output.close()
        }
    }

    private func switchOver(to output: any WebSocketOutput) {
        if case .waiting(let poll, let late) = pollState {
            pollState = .idle
            // A GET that overtook the upgrade packet on another connection belongs behind it, and is answered as if it had come there.
            if late {
                poll.refuse(.upgraded)
            } else {
                poll.answer(count: 1, compress: false) { $0[0] = PacketType.noop.rawValue }
            }
        }
        webSocket = output
        handshakeRequest.transport = .websocket
        queue.dequeueAll { kind, compress, content in
            send(kind, content, compress: compress, over: output)
        }
        dropQueue()
    }

    /// While closing there are none: the stage's timer is the close timeout's.
    private func stopUpgradeTimers() {
        guard phase == .open else { return }
        table.timers.cancel(stageTimer)
        table.timers.cancel(noopTimer)
    }

    private func scheduleUpgradeNoop() {
        noopTimer = table.timers.schedule(at: table.timers.now + Session.noopInterval, for: self, tag: TimerTag.noop.rawValue)
    }

    /// How often a GET that comes during a probe is sent away, so that the client gets round to upgrading; ms. The reference's number.
    private static let noopInterval: Int64 = 100

    /// A GET that waits is ended, so that the client can go on with its upgrade.
    func sendUpgradeNoop() {
        guard phase == .open, upgrade.isProbing else { return }
        releasePoll()
        scheduleUpgradeNoop()
    }

    /// The upgrade took too long: the WebSocket is closed, polling goes on.
    func upgradeTimedOut() {
        stopUpgradeTimers()
        closeCandidate()
    }
}
