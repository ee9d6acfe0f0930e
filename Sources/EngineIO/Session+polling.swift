/// Transport calls these functions for polling requests that ``Handshake`` has accepted.
extension Session {
    /// Handles a GET. It is answered now or later, through `output`.
    public func poll(_ output: any PollOutput) {
        guard phase != .closed else { return output.refuse(.unknown) }
        guard webSocket == nil else { return output.refuse(.upgraded) }
        guard pollState.park(output, late: upgrade.isProbing) else {
            output.refuse(.violation)
            // The client has closed this GET's connection, which ended the session; it sent the waiting GET after that.
            if output.wasAbandoned { return end(.transportError) }
            return abort(.transportError)
        }
        guard phase != .leaving else {
            releasePoll()
            return end(.transportClose)
        }
        answerPoll()
    }

    /// The connection of a waiting GET has closed: ends the session.
    public func pollGone(_ output: any PollOutput) {
        guard pollState.output === output else { return }
        _ = pollState.unpark()
        end(.transportError)
    }

    /// The head of a POST was received; `request` identifies the POST until it ends. If this returns
    /// ``PollError/violation``, the session has ended.
    public func postBegan(_ request: AnyObject, isBinary: Bool) -> PollError? {
        guard phase != .closed, phase != .leaving else { return .unknown }
        guard webSocket == nil else { return .upgraded }
        // EIO=3 clients sent application/octet-stream; v4 has no such payloads.
        guard !isBinary, postState.begin(request) else {
            abort(.transportError)
            return .violation
        }
        return nil
    }

    /// The complete body of a POST was received. Its packets are handled before this returns.
    public func posted(_ request: AnyObject, body: UnsafeMutableRawBufferPointer) -> PostResult {
        guard phase != .closed else { return .refused(.unknown) }
        guard postState.end(request), webSocket == nil else { return .refused(.upgraded) }
        guard UTF8Validator.isValid(UnsafeRawBufferPointer(body)) else {
            abort(.parseError)
            return .refused(.violation)
        }
        for packet in Payload(body) {
            guard phase == .open else { break }
            received(packet)
        }
        return phase == .leaving ? .held : .ok
    }

    /// Sets the answer of a POST that was ``PostResult/held``; it is called when the session ends.
    public func onEnd(_ answer: @escaping () -> Void) {
        postState = .held(answer: answer)
    }

    /// The body of a POST was too large and was answered with 413. The session continues.
    public func postRefused(_ request: AnyObject) {
        _ = postState.end(request)
    }

    /// The connection of a POST closed before its body was complete: ends the session.
    public func postGone(_ request: AnyObject) {
        guard postState.end(request), webSocket == nil else { return }
        abort(.transportError)
    }

    // MARK: - Answers

    /// Answers the waiting GET if packets are queued, or if the session is closing.
    func answerPoll() {
        if let waiting, !waiting.isEmpty {
            guard let poll = pollState.unpark() else { return }
            answer(poll)
        } else if phase == .closing, let poll = pollState.unpark() {
            answerWithClose(poll)
            end(.forcedClose)
        }
    }

    func answerWithClose(_ poll: any PollOutput) {
        poll.answer(count: 1, compress: false) { $0[0] = PacketType.close.rawValue }
    }

    func answer(_ poll: any PollOutput) {
        let queue = queue
        let (packets, count, compress) = queue.payload(limit: table.options.maxPacketsPerPoll)
        poll.answer(count: count, compress: compress) { queue.dequeue(packets: packets, into: $0) }
    }

    /// Answers the waiting GET, with a noop if no packet is queued.
    func releasePoll() {
        guard let poll = pollState.unpark() else { return }
        if queue.isEmpty { queue.append(.noop) }
        answer(poll)
    }

    // MARK: - Packets

    /// Handles a packet that came over the transport in use.
    func received(_ packet: EnginePacket) {
        switch packet {
        case .text(.message, let text):
            receiver?.received(text: text)
        case .binary(let data):
            receiver?.received(binary: data)
        case .text(.pong, _):
            pong()
        case .text(.close, _):
            // A GET that waits is answered with the queued packets or a noop, but never with a close packet.
            guard webSocket != nil || pollState.output != nil else { return leave() }
            releasePoll()
            end(.transportClose)
        case .text(.ping, _):
            abort(.transportError)
        case .malformed:
            abort(.parseError)
        case .text(.open, _), .text(.upgrade, _), .text(.noop, _):
            break
        }
    }
}

/// The GET of a polling session that waits for packets, if there is one.
enum PollState {
    /// No GET is waiting.
    case idle
    /// A GET is waiting. `late`: it came after the upgrade's probe, so the noop timer answers it, not the probe.
    case waiting(any PollOutput, late: Bool)

    /// The waiting GET.
    var output: (any PollOutput)? {
        if case .waiting(let output, _) = self { output } else { nil }
    }

    /// Stores a GET. false: another one is waiting already, which is an error of the client.
    mutating func park(_ output: any PollOutput, late: Bool) -> Bool {
        guard case .idle = self else { return false }
        self = .waiting(output, late: late)
        return true
    }

    /// Removes the waiting GET and returns it, to be answered.
    mutating func unpark() -> (any PollOutput)? {
        defer { self = .idle }
        return output
    }
}

/// The POST of a polling session whose answer is still due, if there is one.
enum PostState {
    /// No POST is under way.
    case idle
    /// The body of this request is being read.
    case reading(ObjectIdentifier)
    /// It contained a close packet, and is answered when the session ends.
    case held(answer: () -> Void)

    /// Begins a POST. false: another one is under way, which is an error of the client.
    mutating func begin(_ request: AnyObject) -> Bool {
        guard case .idle = self else { return false }
        self = .reading(ObjectIdentifier(request))
        return true
    }

    /// Ends the POST `request`; false if it is not the one under way.
    mutating func end(_ request: AnyObject) -> Bool {
        guard case .reading(let current) = self, current == ObjectIdentifier(request) else { return false }
        self = .idle
        return true
    }

    /// Answers the held POST when the session ends.
    mutating func release() {
        guard case .held(let answer) = self else { return }
        self = .idle
        answer()
    }
}

/// A waiting GET, implemented by Transport. [loop]
public protocol PollOutput: AnyObject {
    /// Whether the client had closed the connection before this GET was handled. Then it is the older of two GETs: the
    /// newer one came over another connection and was handled first.
    var wasAbandoned: Bool { get }
    /// This GET has opened `session`; its answer follows.
    func opened(_ session: Session)
    /// Answers 200 with a payload of exactly `count` bytes, which `fill` writes. `compress`: the payload is compressed
    /// if it is large enough and the client accepts that.
    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void)
    /// Answers 400: the session is unknown or upgraded, or another GET is waiting.
    func refuse(_ refusal: PollError)
}

extension PollOutput {
    public var wasAbandoned: Bool { false }
}

/// Why a polling request for a known session is answered with 400.
public enum PollError: Sendable, Equatable {
    /// Another request of its kind is under way, or its content is not text: 400 without a body; the session has ended.
    case violation
    /// The session uses a WebSocket now: code 3.
    case upgraded
    /// The session has ended meanwhile: code 1.
    case unknown
}

/// The answer to a POST for a known session.
public enum PostResult: Sendable, Equatable {
    /// 200, `ok`. The reference answers this even if a packet of the POST ended the session.
    case ok
    /// As ``ok``, but later: when the closure of ``Session/onEnd(_:)`` is called.
    case held
    /// 400.
    case refused(PollError)
}
