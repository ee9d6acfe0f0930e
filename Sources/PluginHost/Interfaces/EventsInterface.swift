import CJackfield
import SocketIO
import Support

/// `jf.events/1`.
enum EventsInterface {
    static var table: jf_events_api {
        jf_events_api(
            struct_size: UInt32(MemoryLayout<jf_events_api>.size), revision: 1,
            emit: { host, socket, message in Plugin.with(host) { $0.emit(socket, message) } },
            emit_ack: { host, socket, message, timeout, function, context in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                return plugin.emit(socket, message, timeout, function, context)
            },
            broadcast: { host, selection, message in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                return plugin.broadcast(selection, message)
            },
            broadcast_ack: { host, selection, message, timeout, function, context in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                return plugin.broadcast(selection, message, timeout, function, context)
            },
            ack: { host, token, args, attachments, count in
                Plugin.with(host) { plugin in
                    plugin.withArguments("ack", args, attachments, count) { plugin.ack(Token(token), $0, $1) }
                }
            },
            ack_error: { host, token, code, message in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                return JSONBuilder.errorArguments(code: code.string, message: message.string).withUnsafeBytes { args in
                    plugin.ack(Token(token), args, UnsafeBufferPointer(start: nil, count: 0))
                }
            })
    }

    /// Milliseconds; the header's bounds.
    static let timeouts: ClosedRange<UInt32> = 1...3_600_000
}

extension Plugin {
    @inline(__always)
    fileprivate func emit(_ handle: jf_socket, _ message: UnsafePointer<jf_message>?) -> Int32 {
        guard isServed else { return JF_E_STATE }
        return withMessage("emit", message) { name, args, attachments, flags in
            if let loop = ThreadState.current?.loop, loop.owns(handle, for: self) {
                guard let socket = loop.shard.socket(handle) else { return JF_E_GONE }
                socket.emit(name: name, args: args, attachments: attachments, flags: flags)
                return JF_OK
            }
            guard let context = host.context(of: handle) else { return JF_E_GONE }
            guard context.directory.contains(handle) else { return JF_E_GONE }
            let mailbox = mailboxes[context.index]
            guard let mustTell = mailbox.append(.emit, socket: handle, flags: flags, name: name, args: args, attachments: attachments)
            else { return JF_E_LIMIT }
            if mustTell { context.tell(of: mailbox) }
            return JF_OK
        }
    }

    /// Acks: straight into the sender's socket from an inline handler, by way of its loop from everywhere else.
    @inline(__always)
    fileprivate func ack(_ token: Token, _ args: UnsafeRawBufferPointer, _ attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Int32 {
        guard token.raw != 0 else { return JF_E_GONE }
        let socket: SocketHandle
        let id: UInt64
        if token.isBorrowed {
            switch borrowedFrame(token) {
            case .failure(let error): return error.code
            case .success(let frame):
                frame.pointee.ack = Token(0)
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
            let isAck: (TokenEntry) -> Bool = { if case .ack = $0 { true } else { false } }
            guard case .ack(let waiting, let number)? = tokens.take(token, where: isAck) else { return JF_E_GONE }
            socket = waiting
            id = number
        }
        guard let context = host.context(of: socket) else { return JF_E_GONE }
        if ThreadState.current?.loop === context {
            guard let socket = context.shard.socket(socket) else { return JF_E_GONE }
            socket.ack(id, args: args, attachments: attachments)
            return JF_OK
        }
        guard context.directory.contains(socket) else { return JF_E_GONE }
        // Bounded by the tokens and the queue, so never refused for the mailbox: the token is used up.
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        let mailbox = mailboxes[context.index]
        if mailbox.append(.ack, socket: socket, number: id, name: nothing, args: args, attachments: attachments, promised: true) == true {
            context.tell(of: mailbox)
        }
        return JF_OK
    }

    fileprivate func emit(
        _ handle: jf_socket, _ message: UnsafePointer<jf_message>?, _ timeout: UInt32, _ function: jf_answer_fn?, _ context: UnsafeMutableRawPointer?
    ) -> Int32 {
        guard isServed else { return JF_E_STATE }
        guard let function else { return invalid("emit_ack", "fn is NULL") }
        guard EventsInterface.timeouts.contains(timeout) else { return invalid("emit_ack", "timeout is \(timeout) ms, not 1 to 3600000") }
        return withMessage("emit_ack", message) { name, args, attachments, flags in
            guard let loop = host.context(of: handle), let info = loop.directory[handle] else { return JF_E_GONE }
            let copy = MessageCopy(name, args, attachments, flags)
            guard let call = AnswerCall(PluginCall(function: function, context: context), of: self, from: info) else { return JF_E_LIMIT }
            let task = LoopTask { loop in
                guard let socket = loop.shard.socket(handle) else {
                    call.finish(JF_E_GONE)
                    return nil
                }
                copy.withParts { name, args, attachments in
                    do throws(LimitError) {
                        try socket.emit(name: name, args: args, attachments: attachments, flags: flags, timeout: Int64(timeout)) { call.finish($0) }
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

    fileprivate func broadcast(_ selection: UnsafePointer<jf_selection>?, _ message: UnsafePointer<jf_message>?) -> Int32 {
        guard isServed else { return JF_E_STATE }
        guard let chosen = chosen("broadcast", selection) else { return JF_E_INVALID }
        return withMessage("broadcast", message) { name, args, attachments, flags in
            if chosen.everyNamespace {
                let copy = MessageCopy(name, args, attachments, flags)
                return everywhere(bytes: copy.bytes) { loop in
                    loop.shard.forEachNamespace { namespace in
                        var selection = chosen.selection
                        selection.namespace = namespace.name
                        copy.withParts { name, args, attachments in
                            _ = loop.shard.deliver(
                                PacketEncoder.event(namespace: namespace.name, name: name, args: args, attachments: attachments, flags: flags), to: selection)
                        }
                    }
                    return nil
                }
            }
            let broadcast = Broadcast(
                name: name, args: args, attachments: attachments, flags: flags, to: chosen.selection, recovery: host.socketOptions.recovery)
            // In one turn, however many there are: so all sockets of a loop see broadcasts in one order, and one socket costs far less than a microsecond.
            return everywhere(bytes: broadcast.message.frames.count) { loop in
                loop.shard.deliver(broadcast)
                return nil
            }
        }
    }

    fileprivate func broadcast(
        _ selection: UnsafePointer<jf_selection>?, _ message: UnsafePointer<jf_message>?, _ timeout: UInt32, _ function: jf_answers_fn?,
        _ context: UnsafeMutableRawPointer?
    ) -> Int32 {
        guard isServed else { return JF_E_STATE }
        guard let function else { return invalid("broadcast_ack", "fn is NULL") }
        guard EventsInterface.timeouts.contains(timeout) else { return invalid("broadcast_ack", "timeout is \(timeout) ms, not 1 to 3600000") }
        guard let chosen = chosen("broadcast_ack", selection) else { return JF_E_INVALID }
        return withMessage("broadcast_ack", message) { name, args, attachments, flags in
            let copy = MessageCopy(name, args, attachments, flags)
            guard let call = AnswersCall(PluginCall(function: function, context: context), of: self, loops: host.contexts.count) else { return JF_E_LIMIT }
            let code = everywhere(bytes: copy.bytes) { loop in
                var questions: [ByteString: Question] = [:]
                copy.withParts { name, args, attachments in
                    for selection in loop.selections(chosen) {
                        questions[selection.namespace] = loop.shard.question(
                            name: name, args: args, attachments: attachments, flags: flags, in: selection.namespace)
                    }
                }
                var asked = 0
                return LoopWork(loop.sockets(chosen)) { socket in
                    guard let question = questions[socket.namespace.name] else { return }
                    asked += 1
                    let handle = socket.handle
                    socket.ask(question, timeout: Int64(timeout)) { call.answered(handle, $0) }
                } finish: {
                    call.loopAsked(asked)
                }
            }
            if code != JF_OK { call.forget() }
            return code
        }
    }
}
