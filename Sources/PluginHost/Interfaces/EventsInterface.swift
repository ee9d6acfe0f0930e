import CJackfield
import RawJSON
import SocketIO
import Support

/// `jf.events/1`.
enum EventsInterface {
    static var table: jf_events_api {
        jf_events_api(
            struct_size: UInt32(MemoryLayout<jf_events_api>.size), revision: 1,
            emit: { host, socket, message in
                LoadedPlugin.serve(host, "emit") { (plugin) throws(HostCallError) in try plugin.emit(socket, message) }
            },
            emit_ack: { host, socket, message, timeout, answered, context in
                LoadedPlugin.serve(host, "emit_ack") { (plugin) throws(HostCallError) in
                    let call = try EventsInterface.call(answered, context, timeout)
                    return try plugin.emit(socket, message, timeout, call)
                }
            },
            broadcast: { host, target, message in
                LoadedPlugin.serve(host, "broadcast") { (plugin) throws(HostCallError) in
                    try plugin.broadcast(target, message)
                }
            },
            broadcast_ack: { host, target, message, timeout, answered, context in
                LoadedPlugin.serve(host, "broadcast_ack") { (plugin) throws(HostCallError) in
                    let call = try EventsInterface.call(answered, context, timeout)
                    return try plugin.broadcast(target, message, timeout, call)
                }
            },
            ack: { host, token, args, attachments, count in
                LoadedPlugin.serve(host, "ack") { (plugin) throws(HostCallError) in
                    try plugin.withArguments(args, attachments, count) { (args, attachments) throws(HostCallError) in
                        plugin.ack(ReplyToken(token), args, attachments)
                    }
                }
            },
            ack_error: { host, token, code, message in
                LoadedPlugin.serve(host, "ack_error") { (plugin) throws(HostCallError) in
                    try plugin.ack(ReplyToken(token), error: code, message)
                }
            })
    }

    /// Milliseconds; the header promises these bounds.
    private static let timeouts: ClosedRange<UInt32> = 1...3_600_000

    private static func call<Function>(
        _ answered: Function?, _ context: UnsafeMutableRawPointer?, _ timeout: UInt32
    ) throws(HostCallError) -> PluginCall<Function> {
        guard let answered else { throw .invalid("answered is NULL") }
        guard timeouts.contains(timeout) else { throw .invalid("timeout is \(timeout) ms, not 1 to 3,600,000") }
        return PluginCall(function: answered, context: context)
    }
}

extension LoadedPlugin {
    /// Bytes of an error's code and message; the header promises this number.
    static let largestError = 65_536

    @inline(__always)
    fileprivate func emit(_ handle: jf_socket, _ message: UnsafePointer<jf_message>?) throws(HostCallError) -> Int32 {
        try withMessage(message) { (name, args, attachments, flags) throws(HostCallError) in
            if let loop = ThreadState.current?.loop, loop.owns(handle, for: self) {
                guard let socket = loop.shard.socket(handle) else { return JF_E_GONE }
                socket.emit(name: name, args: args, attachments: attachments, flags: flags)
                return JF_OK
            }
            guard let context = host.context(of: handle) else { return JF_E_GONE }
            guard context.directory.contains(handle) else { return JF_E_GONE }
            let mailbox = mailboxes[context.index]
            guard
                let mustNotify = mailbox.append(
                    .emit, socket: handle, flags: flags, name: name, args: args, attachments: attachments)
            else { return JF_E_LIMIT }
            if mustNotify { context.notify(of: mailbox) }
            return JF_OK
        }
    }

    /// Sends an ack: directly to the sender's socket in an inline handler, else through the socket's loop.
    @inline(__always)
    func ack(
        _ token: ReplyToken, _ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>
    ) -> Int32 {
        guard token.raw != 0 else { return JF_E_GONE }
        let socket: SocketHandle
        let id: UInt64
        if token.isBorrowed {
            switch borrowedFrame(token) {
            case .failure(let error): return error.code
            case .success(let frame):
                frame.pointee.ack = ReplyToken(0)
                socket = frame.pointee.socket
                id = frame.pointee.ackID
                if let sender = frame.pointee.sender {
                    return sender._withUnsafeGuaranteedRef { sender in
                        guard sender.isConnected else { return JF_E_GONE }
                        sender.ack(id, args: args, attachments: attachments)
                        return JF_OK
                    }
                }
            }
        } else {
            switch tokens.complete(token, where: { if case .ack = $0 { true } else { false } }) {
            case .entry(.ack(let waiting, let number)): (socket, id) = (waiting, number)
            case .elsewhere: return usedElsewhere()
            case .otherKind:
                return invalid("ack", "the token is not that of an event; services.complete answers a service call")
            case .entry, .gone: return JF_E_GONE
            }
        }
        guard let context = host.context(of: socket) else { return JF_E_GONE }
        if ThreadState.current?.loop === context {
            guard let socket = context.shard.socket(socket) else { return JF_E_GONE }
            socket.ack(id, args: args, attachments: attachments)
            return JF_OK
        }
        guard context.directory.contains(socket) else { return JF_E_GONE }
        // `promised`, because the token is completed and cannot be restored. Tokens and the queue bound the number of
        // acks.
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        let mailbox = mailboxes[context.index]
        if mailbox.append(
            .ack, socket: socket, number: id, name: nothing, args: args, attachments: attachments, promised: true)
            == true
        {
            context.notify(of: mailbox)
        }
        return JF_OK
    }

    fileprivate func ack(_ token: ReplyToken, error code: jf_text, _ message: jf_text) throws(HostCallError) -> Int32 {
        let codeBytes = try Self.bytes(code, "code", limit: Self.largestError)
        guard !codeBytes.isEmpty else { throw .invalid("code is empty") }
        _ = try Self.bytes(message, "message", limit: Self.largestError - codeBytes.count)
        handlerFailed(code: code.string, message: message.string)
        guard token.raw != 0 else { return JF_E_GONE }
        return JSONWriter.errorArguments(code: code.string, message: message.string).withUnsafeBytes { args in
            ack(token, args, UnsafeBufferPointer(start: nil, count: 0))
        }
    }

    fileprivate func emit(
        _ handle: jf_socket, _ message: UnsafePointer<jf_message>?, _ timeout: UInt32, _ call: PluginCall<jf_answer_fn>
    ) throws(HostCallError) -> Int32 {
        try withMessage(message) { (name, args, attachments, flags) throws(HostCallError) in
            guard let loop = host.context(of: handle), let info = loop.directory[handle] else { return JF_E_GONE }
            let copy = MessageCopy(name, args, attachments, flags)
            let call = AnswerCall(call, of: self, from: info)
            guard call.isPromised else { return call.code }
            let task = LoopTask { loop in
                guard let socket = loop.shard.socket(handle) else {
                    call.finish(JF_E_GONE)
                    return nil
                }
                copy.withParts { name, args, attachments in
                    do throws(LimitError) {
                        try socket.emit(
                            name: name, args: args, attachments: attachments, flags: flags, timeout: Int64(timeout)
                        ) { call.finish($0) }
                    } catch {
                        self.log.warning("emit_ack: \(error)")
                        call.finish(JF_E_LIMIT)
                    }
                }
                return nil
            }
            if ThreadState.current?.loop === loop {
                _ = task.run(loop)
            } else if !post(task, on: loop, bytes: copy.bytes) {
                call.forget()
                return JF_E_LIMIT
            }
            return JF_OK
        }
    }

    fileprivate func broadcast(_ target: UnsafePointer<jf_target>?, _ message: UnsafePointer<jf_message>?)
        throws(HostCallError) -> Int32
    {
        try withMessage(message) { (name, args, attachments, flags) throws(HostCallError) in
            let parsed = try parseTarget(target)
            guard !parsed.everyNamespace else {
                return broadcastEverywhere(MessageCopy(name, args, attachments, flags), to: parsed.target)
            }
            return broadcast(
                Broadcast(
                    name: name, args: args, attachments: attachments, flags: flags, to: parsed.target,
                    recovery: host.socketOptions.recovery))
        }
    }

    /// Delivers in one tick, however many sockets there are, so that all sockets of a loop see broadcasts in the same
    /// order. One socket takes far less than a microsecond.
    private func broadcast(_ broadcast: Broadcast) -> Int32 {
        everywhere(bytes: broadcast.message.frames.count) { loop in
            loop.shard.deliver(broadcast)
            return nil
        }
    }

    private func broadcastEverywhere(_ message: MessageCopy, to target: BroadcastTarget) -> Int32 {
        everywhere(bytes: message.bytes) { loop in
            loop.shard.forEachNamespace { namespace in
                var namespaceTarget = target
                namespaceTarget.namespace = namespace.name
                message.withParts { name, args, attachments in
                    _ = loop.shard.deliver(
                        PacketEncoder.event(
                            namespace: namespace.name, name: name, args: args, attachments: attachments,
                            flags: message.flags), to: namespaceTarget)
                }
            }
            return nil
        }
    }

    fileprivate func broadcast(
        _ target: UnsafePointer<jf_target>?, _ message: UnsafePointer<jf_message>?, _ timeout: UInt32,
        _ call: PluginCall<jf_answers_fn>
    ) throws(HostCallError) -> Int32 {
        let parsed = try parseTarget(target)
        return try withMessage(message) { (name, args, attachments, flags) throws(HostCallError) in
            let copy = MessageCopy(name, args, attachments, flags)
            let call = AnswersCall(call, of: self, loops: host.contexts.count)
            guard call.isPromised else { return call.code }
            let code = everywhere(bytes: copy.bytes) { loop in
                var ackRequests: [ByteString: AckRequest] = [:]
                copy.withParts { name, args, attachments in
                    for target in loop.targets(parsed) {
                        ackRequests[target.namespace] = loop.shard.ackRequest(
                            name: name, args: args, attachments: attachments, flags: flags, in: target.namespace)
                    }
                }
                var asked = 0
                return LoopWork(loop.sockets(parsed)) { socket in
                    guard let ackRequest = ackRequests[socket.namespace.name] else { return }
                    asked += 1
                    let handle = socket.handle
                    socket.emit(ackRequest, timeout: Int64(timeout)) { call.answered(handle, $0) }
                } finish: {
                    call.addExpected(asked)
                }
            }
            if code != JF_OK { call.forget() }
            return code
        }
    }
}
