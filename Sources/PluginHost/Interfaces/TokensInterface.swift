import CJackfield

/// `jf.tokens/1`.
enum TokensInterface {
    static var table: jf_tokens_api {
        jf_tokens_api(
            struct_size: UInt32(MemoryLayout<jf_tokens_api>.size), revision: 1,
            keep: { host, token, kept in
                kept?.pointee = 0
                return LoadedPlugin.serve(host, "keep") { (plugin) throws(HostCallError) in
                    guard let kept else { throw .invalid("kept is NULL") }
                    return plugin.keep(ReplyToken(token), kept)
                }
            },
            drop: { host, kept in
                LoadedPlugin.serve(host, "drop") { (plugin) throws(HostCallError) in
                    switch plugin.tokens.drop(try TokensInterface.inTable(kept)) {
                    case .entry(let entry):
                        plugin.abandon(entry)
                        return JF_OK
                    case .gone: return JF_E_GONE
                    case .borrowed: throw TokensInterface.notKept
                    }
                }
            },
            waits: { host, kept, waiting in
                waiting?.pointee = 0
                return LoadedPlugin.serve(host, "waits") { (plugin) throws(HostCallError) in
                    guard let waiting else { throw .invalid("waiting is NULL") }
                    switch plugin.tokens.peek(try TokensInterface.inTable(kept)) {
                    case .entry(let entry): waiting.pointee = plugin.host.isWaiting(entry) ? 1 : 0
                    case .gone: waiting.pointee = 0
                    case .borrowed: throw TokensInterface.notKept
                    }
                    return JF_OK
                }
            })
    }

    private static let notKept = HostCallError.invalid("the token is not kept: exchange it with keep first")

    private static func inTable(_ kept: jf_token) throws(HostCallError) -> ReplyToken {
        guard !ReplyToken(kept).isBorrowed else { throw notKept }
        return ReplyToken(kept)
    }
}

extension LoadedPlugin {
    fileprivate func keep(_ token: ReplyToken, _ kept: UnsafeMutablePointer<jf_token>) -> Int32 {
        guard token.raw != 0 else { return JF_E_GONE }
        guard token.isBorrowed else {
            switch tokens.keep(token) {
            case .kept(let token):
                kept.pointee = token.raw
                return JF_OK
            case .gone: return JF_E_GONE
            case .limit: return JF_E_LIMIT
            case .elsewhere: return usedElsewhere()
            }
        }
        switch borrowedFrame(token) {
        case .failure(let error): return error.code
        case .success(let frame):
            guard host.isWaiting(.ack(socket: frame.pointee.socket, id: frame.pointee.ackID)) else { return JF_E_GONE }
            guard let token = tokens.enter(.ack(socket: frame.pointee.socket, id: frame.pointee.ackID), kept: true)
            else { return JF_E_LIMIT }
            frame.pointee.ack = ReplyToken(0)
            kept.pointee = token.raw
            return JF_OK
        }
    }

    struct TokenError: Error {
        let code: Int32
    }

    /// The frame of the running callback that has borrowed `token`.
    @inline(__always)
    func borrowedFrame(_ token: ReplyToken) -> Result<UnsafeMutablePointer<CallbackFrame>, TokenError> {
        guard let state = ThreadState.current else { return strayToken() }
        guard let frame = state.frame, frame.pointee.ack == token, frame.pointee.plugin == UnsafeRawPointer(handle)
        else {
            // On the thread that made it, the token was completed or kept, or its callback has returned. On another
            // thread, it had to be kept first.
            return state.made(token) ? .failure(TokenError(code: JF_E_GONE)) : strayToken()
        }
        return .success(frame)
    }

    @inline(never)
    private func strayToken() -> Result<UnsafeMutablePointer<CallbackFrame>, TokenError> {
        .failure(TokenError(code: usedElsewhere()))
    }

    /// The result of a call with a token that the plugin has borrowed for another callback.
    func usedElsewhere() -> Int32 {
        misused(
            "a token was used outside its callback, or on another thread: inside the callback, exchange it with keep first"
        )
        return JF_E_STATE
    }

    /// Answers a client whose request the plugin will not complete. An ack is simply not sent.
    func abandon(_ entry: ReplyTokenEntry) {
        switch entry {
        case .ack: break
        case .reply(let reply):
            errors.count(.request)
            reply.problem(500, code: "internal", detail: "the service '\(name)' did not answer")
        case .decision(let admission, let stage):
            errors.count(.decision)
            _ = admission.decide(.refuse(message: "internal error", data: nil), at: stage)
        case .call(let call):
            errors.count(.call)
            call.settle(CallOutcome(JF_E_FAILED, "plugin '\(name)' did not answer"))
        }
    }

    /// Completes all tokens and ends all streams, because the plugin ends.
    func completeTokens() {
        complete(tokens.close(), because: "has stopped")
    }

    /// Completes all tokens and ends all streams of a worker that has ended, and forgets what it had watched, bound and
    /// attached to sockets.
    func releaseWorker() {
        complete(tokens.removeAll(), because: "was interrupted")
        host.services.unbindAll(of: self)
        watches.removeAll()
        data.removeAll()
    }

    private func complete(_ entries: [ReplyTokenEntry], because end: String) {
        for entry in entries {
            switch entry {
            case .ack(let socket, let id): host.answer(socket, id, with: unavailableAnswer(end))
            case .reply(let reply): reply.problem(503, code: "unavailable", detail: "the service '\(name)' \(end)")
            case .decision(let admission, let stage):
                _ = admission.decide(.refuse(message: "unavailable", data: nil), at: stage)
            case .call(let call): call.settle(CallOutcome(JF_E_UNAVAILABLE, "plugin '\(name)' \(end)"))
            }
        }
        for stream in streams.removeAll() {
            stream.stream.end()
            stream.notifyClosed(JF_E_GONE)
        }
    }
}
