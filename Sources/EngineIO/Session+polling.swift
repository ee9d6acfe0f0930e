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
