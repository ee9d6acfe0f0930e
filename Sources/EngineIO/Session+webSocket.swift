/// Transport calls these functions for WebSocket connections that name this session's id.
extension Session {
    /// A WebSocket with this session's id was opened. It is closed unless it can be the candidate for an upgrade.
    public func webSocketOpened(_ output: any WebSocketOutput) {
        guard phase == .open, upgrade.open(output) else { return output.close() }
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.upgradeTimeout, for: self, tag: TimerTag.upgrade.rawValue)
    }

    /// A text message was received over `output`; valid UTF-8.
    public func webSocketReceived(text: UnsafeMutableRawBufferPointer, over output: any WebSocketOutput) {
        guard output === webSocket else { return candidateReceived(EnginePacket(decoding: text), over: output) }
        guard phase == .open else { return }
        if text.first == PacketType.message.rawValue {
            receiver?.received(text: UnsafeMutableRawBufferPointer(rebasing: text[1...]))
        } else {
            received(EnginePacket(decoding: text))
        }
    }

    /// A binary message was received over `output`.
    public func webSocketReceived(binary: UnsafeMutableRawBufferPointer, over output: any WebSocketOutput) {
        guard output === webSocket else { return candidateReceived(.binary(binary), over: output) }
        guard phase == .open else { return }
        receiver?.received(binary: binary)
    }

    /// `output` has closed or broken. If it is the transport in use, the session ends.
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
            // A GET that was sent after the upgrade packet but overtook it on another connection is answered as if it
            // had arrived after it.
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

    /// Does nothing while closing: `stageTimer` then holds the close timeout.
    private func stopUpgradeTimers() {
        guard phase == .open else { return }
        table.timers.cancel(stageTimer)
        table.timers.cancel(noopTimer)
    }

    private func scheduleUpgradeNoop() {
        noopTimer = table.timers.schedule(
            at: table.timers.now + Session.noopInterval, for: self, tag: TimerTag.noop.rawValue)
    }

    /// The interval at which waiting GETs are answered during a probe, so that the client can complete its upgrade; ms.
    /// The reference's number.
    private static let noopInterval: Int64 = 100

    /// Answers a waiting GET so that the client can continue its upgrade.
    func sendUpgradeNoop() {
        guard phase == .open, upgrade.isProbing else { return }
        releasePoll()
        scheduleUpgradeNoop()
    }

    /// The upgrade took too long: closes the WebSocket; polling continues.
    func upgradeTimedOut() {
        stopUpgradeTimers()
        closeCandidate()
    }
}

/// The state of a session's upgrade from polling to WebSocket.
enum Upgrade {
    /// No upgrade has begun.
    case none
    /// A WebSocket with this session's id is open, but has not sent `2probe` yet.
    case opened(any WebSocketOutput)
    /// `2probe` was answered; GETs are answered with a noop until the client sends `5`.
    case probed(any WebSocketOutput)
    /// The session uses a WebSocket, or was opened on one.
    case done

    /// What to do after a packet on the new WebSocket.
    enum Action: Equatable {
        /// Answer `3probe`, and answer a waiting GET with a noop.
        case answerProbe
        /// Use the new transport from now on.
        case switchOver
        /// The packet is not part of an upgrade: close the new transport; the session continues as before.
        case reject
    }

    /// The WebSocket that the session may upgrade to.
    var candidate: (any WebSocketOutput)? {
        switch self {
        case .opened(let output), .probed(let output): output
        case .none, .done: nil
        }
    }

    /// Whether a timer answers GETs with a noop.
    var isProbing: Bool {
        if case .probed = self { true } else { false }
    }

    /// A WebSocket with this session's id was opened. false: there is one already, and the caller closes this one.
    mutating func open(_ output: any WebSocketOutput) -> Bool {
        guard case .none = self else { return false }
        self = .opened(output)
        return true
    }

    /// Handles a packet of the candidate.
    mutating func received(_ packet: EnginePacket) -> Action {
        guard let output = candidate else { return .reject }
        switch packet {
        case .text(.ping, let data) where data.elementsEqual("probe".utf8):
            self = .probed(output)
            return .answerProbe
        case .text(.upgrade, _):
            self = .done
            return .switchOver
        case .text, .binary, .malformed:
            self = .none
            return .reject
        }
    }

    /// The candidate has closed, or its upgrade timed out.
    mutating func abandon() {
        guard candidate != nil else { return }
        self = .none
    }
}

/// A WebSocket connection, implemented by Transport. [loop]
///
/// No function calls the session before it returns: a connection that breaks is reported later, by
/// ``Session/webSocketGone(_:reason:)``.
public protocol WebSocketOutput: AnyObject {
    /// Whether output sent now is passed to the network now: none is buffered for a slow reader.
    var canSendNow: Bool { get }
    /// Bytes of output that the kernel has not accepted yet.
    var bufferedBytes: Int { get }
    /// Appends one message of exactly `count` bytes, which `fill` writes in place. It is sent at the end of the loop's
    /// tick.
    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void)
    /// Appends all frames of `message`.
    func send(_ message: SharedMessage)
    /// Sends the buffered output now, and later output some milliseconds later, so that the peer receives the two in
    /// separate reads.
    func flushSeparately()
    /// Sends a close frame after all buffered output, and closes the connection when the peer has answered it.
    func close()
    /// Closes the connection and discards its buffered output, because its reader is too slow.
    func abort()
}

extension WebSocketOutput {
    public func flushSeparately() {}

    public func abort() { close() }
}
