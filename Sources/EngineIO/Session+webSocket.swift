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
            // A GET that overtook the upgrade packet on another connection belongs behind it, and is answered
            // as if it had come there.
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
        noopTimer = table.timers.schedule(
            at: table.timers.now + Session.noopInterval, for: self, tag: TimerTag.noop.rawValue)
    }

    /// How often a GET that comes during a probe is sent away, so that the client gets round to upgrading;
    /// ms. The reference's number.
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

/// The way of a session from polling to WebSocket.
enum Upgrade {
    /// Nobody has asked.
    case none
    /// A WebSocket with this session's id is open and has not said `2probe` yet.
    case opened(any WebSocketOutput)
    /// `2probe` was answered; polls get a noop until `5` comes.
    case probed(any WebSocketOutput)
    /// The session speaks over a WebSocket, or always did.
    case done

    /// What a packet on the new WebSocket asks for.
    enum Action: Equatable {
        /// Answer `3probe`, and end a waiting poll with a noop.
        case answerProbe
        /// Everything goes over the new transport from here on.
        case switchOver
        /// No part of an upgrade: the new transport is closed, the session goes on as before.
        case reject
    }

    /// The WebSocket on its way in.
    var candidate: (any WebSocketOutput)? {
        switch self {
        case .opened(let output), .probed(let output): output
        case .none, .done: nil
        }
    }

    /// Whether polls are answered with a noop by a timer.
    var isProbing: Bool {
        if case .probed = self { true } else { false }
    }

    /// A WebSocket with this session's id opened. false: there is one already, so this one is closed.
    mutating func open(_ output: any WebSocketOutput) -> Bool {
        guard case .none = self else { return false }
        self = .opened(output)
        return true
    }

    /// A packet came on the candidate.
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

    /// The candidate went away, or took too long.
    mutating func abandon() {
        guard candidate != nil else { return }
        self = .none
    }
}

/// A WebSocket connection as a session sees it; Transport's half. [loop]
///
/// Nothing here calls back into the session before it returns: a connection that breaks is reported later, by
/// ``Session/webSocketGone(_:)``.
public protocol WebSocketOutput: AnyObject {
    /// Whether what is sent now goes to the network now: nothing waits for a slow reader.
    var canTakeNow: Bool { get }
    /// Bytes sent and not yet taken by the kernel.
    var bufferedBytes: Int { get }
    /// Appends one message of exactly `count` bytes, which `fill` writes in place. Goes out at
    /// the end of the loop's tick.
    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void)
    /// Appends all frames of `message`.
    func send(_ message: SharedMessage)
    /// What was sent goes out now, and what follows some milliseconds later: the peer finds the
    /// two in reads of their own.
    func separate()
    /// A close frame after everything sent, and the end of the connection when the peer has answered it.
    func close()
    /// Drops the connection, with what it has not been sent yet: its reader is too slow to be told anything.
    func abort()
}

extension WebSocketOutput {
    public func separate() {}

    public func abort() { close() }
}
