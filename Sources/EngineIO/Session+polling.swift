/// What Transport reports of polling requests, after ``Handshake`` has judged them.
extension Session {
    /// A GET came. It is answered now or later, through `output`.
    public func poll(_ output: any PollOutput) {
        guard phase != .closed else { return output.refuse(.unknown) }
        guard webSocket == nil else { return output.refuse(.upgraded) }
        guard pollState.park(output, late: upgrade.isProbing) else {
            output.refuse(.violation)
            // Its end is what ended the session, and the GET that waits came after that.
            if output.wasAbandoned { return end(.transportError) }
            return abort(.transportError)
        }
        guard phase != .leaving else {
            releasePoll()
            return end(.transportClose)
        }
        answerPoll()
    }

    /// The connection of a GET that waits is gone: the session is over.
    public func pollGone(_ output: any PollOutput) {
        guard pollState.output === output else { return }
        _ = pollState.unpark()
        end(.transportError)
    }

    /// The head of a POST came; `request` stands for it until it ends. A refusal has ended the session.
    public func postBegan(_ request: AnyObject, isBinary: Bool) -> PollError? {
        guard phase != .closed, phase != .leaving else { return .unknown }
        guard webSocket == nil else { return .upgraded }
        // application/octet-stream is what EIO=3 clients sent; v4 has no such payloads.
        guard !isBinary, postState.begin(request) else {
            abort(.transportError)
            return .violation
        }
        return nil
    }

    /// The whole body of a POST came. Its packets are handled before this returns.
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

    /// `answer` is called when the session is over; for a POST that was ``PostResult/held``.
    public func onceOver(_ answer: @escaping () -> Void) {
        postState = .held(answer: answer)
    }

    /// The body of a POST was too large, and was answered 413. The session lives on.
    public func postRefused(_ request: AnyObject) {
        _ = postState.end(request)
    }

    /// The connection of a POST was gone before its body was complete: the session is over.
    public func postGone(_ request: AnyObject) {
        guard postState.end(request), webSocket == nil else { return }
        abort(.transportError)
    }

    // MARK: - Answers

    /// Answers the waiting GET if there is something to say.
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

    /// Answers the waiting GET, without news if need be.
    func releasePoll() {
        guard let poll = pollState.unpark() else { return }
        if queue.isEmpty { queue.append(.noop) }
        answer(poll)
    }

    // MARK: - Packets

    /// A packet over the transport in use.
    func received(_ packet: EnginePacket) {
        switch packet {
        case .text(.message, let text):
            receiver?.received(text: text)
        case .binary(let data):
            receiver?.received(binary: data)
        case .text(.pong, _):
            pong()
        case .text(.close, _):
            // The client says goodbye: a GET that still waits gets what there is, or a noop, but no close packet back.
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

/// The two requests a polling session may have under way: one GET that waits for news, one POST
/// whose body is being read.
enum PollState {
    /// Neither.
    case idle
    /// A GET waits. `late`: it came after the probe of an upgrade, so the noop timer answers it, not the probe.
    case waiting(any PollOutput, late: Bool)

    /// The GET, if one waits.
    var output: (any PollOutput)? {
        if case .waiting(let output, _) = self { output } else { nil }
    }

    /// A GET came. false: one waits already, which ends the session.
    mutating func park(_ output: any PollOutput, late: Bool) -> Bool {
        guard case .idle = self else { return false }
        self = .waiting(output, late: late)
        return true
    }

    /// Takes the waiting GET, to answer it.
    mutating func unpark() -> (any PollOutput)? {
        defer { self = .idle }
        return output
    }
}

/// The POST a polling session may have under way.
enum PostState {
    /// None.
    case idle
    /// The body of this request is being read.
    case reading(ObjectIdentifier)
    /// It said goodbye, and is answered when the session is over.
    case held(answer: () -> Void)

    /// A POST began. false: another one is under way, which ends the session.
    mutating func begin(_ request: AnyObject) -> Bool {
        guard case .idle = self else { return false }
        self = .reading(ObjectIdentifier(request))
        return true
    }

    /// Whether `request` is the one under way; it no longer is afterwards.
    mutating func end(_ request: AnyObject) -> Bool {
        guard case .reading(let current) = self, current == ObjectIdentifier(request) else { return false }
        self = .idle
        return true
    }

    /// The session is over: the POST that is held is answered.
    mutating func release() {
        guard case .held(let answer) = self else { return }
        self = .idle
        answer()
    }
}

/// A waiting GET as a session sees it; Transport's half. [loop]
public protocol PollOutput: AnyObject {
    /// Its client had hung up when it came: it is the older of two GETs, which another connection's has overtaken.
    var wasAbandoned: Bool { get }
    /// This GET opened `session`; its answer follows.
    func opened(_ session: Session)
    /// Answers 200 with a payload of exactly `count` bytes, which `fill` writes. `compress`: if it is large
    /// enough and the client allows.
    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void)
    /// Answers 400: this poll came too late, or one too many.
    func refuse(_ refusal: PollError)
}

extension PollOutput {
    public var wasAbandoned: Bool { false }
}

/// Why a polling request of a known session is answered 400.
public enum PollError: Sendable, Equatable {
    /// Another one of its kind is under way, or its content cannot be text: 400 without a body,
    /// and the session is gone.
    case violation
    /// The session speaks over a WebSocket by now: code 3.
    case upgraded
    /// The session ended meanwhile: code 1.
    case unknown
}

/// How a POST of a known session is answered.
public enum PostResult: Sendable, Equatable {
    /// 200, `ok`. The reference answers so even when a packet in it ended the session.
    case ok
    /// As ``ok``, but not yet: ``Session/onceOver(_:)`` tells when.
    case held
    /// 400.
    case refused(PollError)
}
