import CJackfield
import Support

/// The callbacks of an isolated plugin, in the daemon. Each sends the fields of its structure to the worker. `instance`
/// is the ``IsolatedPlugin``; `context` is the number of the declaration, or of the callback in the worker.
extension IsolatedPlugin {
    static let proxies = CallbackProxies(
        event: { instance, event in
            guard let event, let isolated = from(instance) else { return }
            isolated.sendEvent(event.pointee)
        },
        admit: { instance, attempt, _ in
            guard let attempt, let isolated = from(instance) else { return JF_E_FAILED }
            return isolated.sendAttempt(attempt.pointee)
        },
        connected: { instance, event in send(instance, event, .connected) },
        disconnecting: { instance, event in send(instance, event, .disconnecting) },
        disconnected: { instance, event in send(instance, event, .disconnected) },
        request: { instance, request in
            guard let request, let isolated = from(instance) else { return }
            isolated.sendRequest(request.pointee)
        },
        presence: { instance, change in
            guard let change = change?.pointee, let isolated = from(instance) else { return }
            isolated.send(.presence) {
                .other
            } _: { writer, _ in
                writer.integer(change.online)
                writer.integer(change.at)
                writer.text(change.user)
            }
        },
        method: { instance, call in
            guard let call, let isolated = from(instance) else { return JF_E_FAILED }
            return isolated.sendCall(call.pointee)
        },
        none: { _, _ in }, function: {}, save: { _, _, _ in JF_E_UNSUPPORTED },
        restore: { _, _, _ in JF_E_UNSUPPORTED },
        resumed: { _ in })

    @inline(__always)
    static func from(_ instance: UnsafeMutableRawPointer?) -> IsolatedPlugin? {
        guard let instance else { return nil }
        return Unmanaged<IsolatedPlugin>.fromOpaque(instance).takeUnretainedValue()
    }

    /// What the callbacks of the descriptor get as `instance`. Plugins are never freed, and own this object.
    var instance: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    /// The number behind a context: of a declaration, or of a callback.
    private static func number(_ context: UnsafeMutableRawPointer?) -> UInt64 { UInt64(UInt(bitPattern: context)) }

    // MARK: Declared callbacks

    private func sendEvent(_ event: jf_event) {
        let bytes = (0..<Int(event.attachment_count)).reduce(Int(event.args.len)) {
            $0 + Int(event.attachments[$1].len)
        }
        let isSent = send(.event, bytes: bytes, data: event.plugin_data == nil ? nil : plugin.data(of: event.socket)) {
            .event(plugin.hold(ReplyToken(event.ack)))
        } _: { writer, body in
            guard case .event(let token) = body else { return }
            writer.integer(UInt32(Self.number(event.context)))
            writer.integer(event.socket)
            writer.integer(event.connection)
            writer.integer(token.raw)
            writer.integer(Self.number(event.plugin_data))
            for text in [event.nsp, event.name, event.args, event.user, event.id] { writer.text(text) }
            writer.attachments(event.attachments, event.attachment_count)
        }
        guard !isSent else { return }
        // The plugin has ended, and the client reads that.
        plugin.goneAnswer.withUnsafeBytes {
            _ = plugin.ack(ReplyToken(event.ack), $0, UnsafeBufferPointer(start: nil, count: 0))
        }
    }

    private func sendAttempt(_ attempt: jf_attempt) -> Int32 {
        let bytes = Int(attempt.auth.len + attempt.claims.len + attempt.handshake.len)
        let isSent = send(.admit, bytes: bytes) {
            guard let (token, entry) = plugin.tokens.hold(ReplyToken(attempt.decision)),
                case .decision(let chain, let stage) = entry
            else { return .other }
            return .admit(token, chain, stage: stage)
        } _: { writer, body in
            if case .admit(let token, _, _) = body { writer.integer(token.raw) } else { writer.integer(UInt64(0)) }
            writer.integer(UInt32(Self.number(attempt.context)))
            writer.integer(attempt.transport)
            writer.integer(attempt.connection)
            for text in [attempt.nsp, attempt.auth, attempt.user, attempt.claims, attempt.handshake] {
                writer.text(text)
            }
        }
        // The decision comes with the worker's answer.
        return isSent ? JF_PENDING : JF_E_UNAVAILABLE
    }

    /// The moments of a socket, in messages.
    enum SocketMoment: UInt8 {
        case connected
        case disconnecting
        case disconnected
    }

    private static func send(
        _ instance: UnsafeMutableRawPointer?, _ event: UnsafePointer<jf_socket_event>?, _ moment: SocketMoment
    ) {
        guard let event = event?.pointee, let isolated = from(instance) else { return }
        isolated.send(
            .socketEvent, bytes: Int(event.auth.len),
            data: event.plugin_data == nil ? nil : isolated.plugin.data(of: event.socket)
        ) {
            .other
        } _: { writer, _ in
            writer.integer(moment.rawValue)
            writer.integer(UInt32(number(event.context)))
            writer.integer(event.socket)
            writer.integer(event.connection)
            writer.integer(event.recovered)
            writer.integer(event.transport)
            writer.integer(number(event.plugin_data))
            for text in [event.nsp, event.id, event.user, event.auth, event.reason] { writer.text(text) }
            writer.texts(event.rooms, event.room_count)
        }
    }

    private func sendRequest(_ request: jf_request) {
        let title = "\(request.method.string) \(request.path.excerpt)"
        let isSent = send(.request, bytes: Int(request.body.len)) {
            plugin.tokens.hold(ReplyToken(request.reply)).map { .request($0.token, title: title) } ?? .other
        } _: { writer, body in
            if case .request(let token, _) = body { writer.integer(token.raw) } else { writer.integer(UInt64(0)) }
            writer.integer(UInt32(Self.number(request.context)))
            for text in [request.method, request.path, request.user, request.claims, request.address] {
                writer.text(text)
            }
            writer.octets(request.body)
            writer.pairs(request.params, request.param_count)
            writer.pairs(request.query, request.query_count)
            writer.pairs(request.headers, request.header_count)
        }
        guard !isSent,
            case .entry(.reply(let reply)) = plugin.tokens.complete(ReplyToken(request.reply), where: { _ in true })
        else { return }
        reply.problem(503, code: "unavailable", detail: "the service '\(plugin.name)' has stopped")
    }

    /// - Returns: the outcome if the call could not be sent. If it was, its token was exchanged, and the code is
    ///   ignored.
    private func sendCall(_ call: jf_call) -> Int32 {
        send(.method, bytes: WireWriter.size(of: call.args, call.arg_count) ?? 0) {
            guard let (token, entry) = plugin.tokens.hold(ReplyToken(call.reply)), case .call(let serviceCall) = entry
            else { return .other }
            return .method(token, serviceCall)
        } _: { writer, body in
            if case .method(let token, _) = body { writer.integer(token.raw) } else { writer.integer(UInt64(0)) }
            writer.integer(UInt32(Self.number(call.context)))
            writer.text(call.caller)
            writer.values(call.args, call.arg_count)
        }
        return JF_E_UNAVAILABLE
    }

    // MARK: C functions

    /// Calls a C function of the plugin in the worker, and waits for its result. On a strand of the plugin.
    ///
    /// - Parameter index: among the functions of the descriptor.
    func callFunction(_ index: Int, _ values: UnsafePointer<jf_value>?, _ count: Int) -> RemoteFunctionOutcome {
        let future = BlockingFuture<RemoteFunctionOutcome>()
        let isSent = send(.function, bytes: WireWriter.size(of: values, UInt32(count)) ?? 0) {
            .function(future)
        } _: { writer, _ in
            writer.integer(UInt32(index))
            writer.values(values, UInt32(count))
        }
        guard isSent, let outcome = future.wait(until: .max) else {
            return RemoteFunctionOutcome(code: JF_E_UNAVAILABLE, status: 0, value: nil)
        }
        return outcome
    }

    // MARK: Callbacks that calls of the plugin cause

    /// Numbers of callbacks are the worker's. Those of an earlier worker are not sent to its successor.
    ///
    /// - Parameter context: the number with the worker's generation, as ``context(_:of:)`` made it.
    private func sendCaused(
        _ kind: WorkerMessage, _ context: UnsafeMutableRawPointer?, bytes: Int = 0, isResult: Bool = false,
        _ write: (inout WireWriter) -> Void
    ) {
        let (generation, number) = Self.parts(of: context)
        guard generation == currentGeneration & 0xFFFF else { return }
        send(kind, bytes: bytes, isResult: isResult) {
            .other
        } _: { writer, _ in
            writer.integer(number)
            writer.integer(UInt16(generation))
            write(&writer)
        }
    }

    /// The context of a callback: 48 bits of the worker's number, and 16 of its generation.
    static func context(_ number: UInt64, of worker: WorkerHandle) -> UnsafeMutableRawPointer? {
        number == 0 ? nil : UnsafeMutableRawPointer(bitPattern: UInt(number << 16 | worker.generation & 0xFFFF))
    }

    private static func parts(of context: UnsafeMutableRawPointer?) -> (generation: UInt64, number: UInt64) {
        let raw = number(context)
        return (raw & 0xFFFF, raw >> 16)
    }

    static let answered: jf_answer_fn = { instance, context, answer in
        guard let answer = answer?.pointee, let isolated = from(instance) else { return }
        isolated.sendCaused(.answer, context, bytes: Int(answer.args.len)) { $0.answer(answer) }
    }

    static let answeredAll: jf_answers_fn = { instance, context, answers in
        guard let answers = answers?.pointee, let isolated = from(instance) else { return }
        let bytes = (0..<Int(answers.count)).reduce(0) { $0 + Int(answers.items[$1].args.len) }
        isolated.sendCaused(.answers, context, bytes: bytes, isResult: true) { writer in
            writer.integer(answers.status)
            writer.integer(answers.expected)
            writer.integer(answers.count)
            for index in 0..<Int(answers.count) { writer.answer(answers.items[index]) }
        }
    }

    static let fetched: jf_fetched_fn = { instance, context, fetched in
        guard let fetched = fetched?.pointee, let isolated = from(instance) else { return }
        isolated.sendCaused(
            .fetched, context, bytes: Int(fetched.json.len) + 100 * Int(fetched.count), isResult: true
        ) { writer in
            writer.integer(fetched.status)
            writer.text(fetched.json)
            writer.integer(UInt32(fetched.count))
            for index in 0..<Int(fetched.count) {
                let item = fetched.items[index]
                writer.integer(item.transport)
                writer.integer(item.socket)
                writer.integer(item.connection)
                for text in [item.id, item.nsp, item.user, item.claims, item.handshake, item.data] {
                    writer.flag(text.ptr != nil)
                    writer.text(text)
                }
                writer.texts(item.rooms, item.room_count)
            }
        }
    }

    static let writable: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, jf_stream) -> Void = {
        instance, context, stream in
        from(instance)?.sendCaused(.streamWritable, context) { $0.integer(stream) }
    }

    static let closed: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, jf_stream, Int32) -> Void = {
        instance, context, stream, why in
        from(instance)?.sendCaused(.streamClosed, context) { writer in
            writer.integer(stream)
            writer.integer(why)
        }
    }

    static let changed: jf_binding_fn = { instance, context, binding, status, message in
        from(instance)?.sendCaused(.bindingChanged, context) { writer in
            writer.integer(binding)
            writer.integer(status)
            writer.text(message)
        }
    }

    static let result: jf_result_fn = { instance, context, result in
        guard let result = result?.pointee, let isolated = from(instance) else { return }
        var value = result.value
        isolated.sendCaused(.callResult, context, bytes: WireWriter.size(of: &value, 1) ?? 0, isResult: true) {
            $0.result(result)
        }
    }

    /// Frees data that the plugin attached to a socket.
    static let free: jf_free_fn = { instance, data in
        from(instance)?.sendCaused(.freeData, data) { _ in }
    }
}

extension WireWriter {
    mutating func answer(_ answer: jf_answer) {
        integer(answer.status)
        integer(answer.socket)
        text(answer.args)
        attachments(answer.attachments, answer.attachment_count)
    }

    /// The outcome of a service call.
    mutating func result(_ result: jf_result) {
        integer(result.code)
        value(result.value)
        text(result.message)
    }
}

extension LoadedPlugin {
    /// Exchanges the token of an event for one that a worker's callback holds; 0 if the client does not wait.
    func hold(_ token: ReplyToken) -> ReplyToken {
        guard token.raw != 0 else { return token }
        guard token.isBorrowed else { return tokens.hold(token)?.token ?? ReplyToken(0) }
        guard case .success(let frame) = borrowedFrame(token),
            let held = tokens.enterHeld(.ack(socket: frame.pointee.socket, id: frame.pointee.ackID))
        else { return ReplyToken(0) }
        frame.pointee.ack = ReplyToken(0)
        return held
    }
}
