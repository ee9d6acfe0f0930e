import CJackfield
import Isolation
import Support

/// One call of a function of the header by a plugin in a worker. Reads its arguments and passes them to the function of
/// the host; the reply has the result code and what the function stored. On the thread that reads the worker's channel.
struct RemoteCall {
    let kind: WorkerMessage
    /// Where the reply goes; `nil`: the worker does not wait.
    let slot: ReplySlot?
    let isolated: IsolatedPlugin
    let worker: WorkerHandle

    init(_ kind: WorkerMessage, _ slot: ReplySlot?, of isolated: IsolatedPlugin, _ worker: WorkerHandle) {
        self.kind = kind
        self.slot = slot
        self.isolated = isolated
        self.worker = worker
    }

    var host: OpaquePointer { isolated.plugin.handle }

    func reply(_ code: Int32) {
        if let slot { worker.channel.reply(to: slot, code: code) }
    }

    func reply(_ code: Int32, _ result: WireWriter) {
        guard let slot else { return }
        worker.longReplies.reply(to: slot, code: code, result.bytes, through: worker.channel)
    }

    func reply<Value: FixedWidthInteger & BitwiseCopyable>(_ code: Int32, _ value: Value) {
        var result = WireWriter(capacity: 8)
        result.integer(value)
        reply(code, result)
    }

    func perform(_ reader: inout WireReader) throws(MalformedMessage) {
        switch kind {
        case .keep, .drop, .waits: try performTokens(&reader)
        case .emit, .emitAck, .broadcast, .broadcastAck, .ack, .ackError: try performEvents(&reader)
        case .describe, .setData, .setPluginData, .pluginData, .disconnect, .disconnectAll, .fetch, .accept, .refuse:
            try performSockets(&reader)
        case .join, .leave, .joinAll, .leaveAll, .members: try performRooms(&reader)
        case .isOnline, .connections, .onlineCount, .watch, .unwatch: try performPresence(&reader)
        case .respond, .problem, .stream, .watchStream, .write, .finish: try performHTTP(&reader)
        case .bind, .unbind, .bindingStatus, .call, .callAsync, .complete: try performServices(&reader)
        default: throw MalformedMessage(problem: "the kind \(kind.rawValue) is no call")
        }
    }

    // MARK: Tokens

    /// Reads a token. One that a running callback of the worker borrows may be used by that callback only; the worker
    /// says whether it is the one that calls.
    ///
    /// - Returns: the token, and the result code if the call must not use it.
    func token(_ reader: inout WireReader) throws(MalformedMessage) -> (token: jf_token, refusal: Int32?) {
        let token = try reader.integer(UInt64.self)
        guard try !reader.flag() else { return (token, nil) }
        if case .borrowed = isolated.plugin.tokens.peek(ReplyToken(token)) { return (token, JF_E_STATE) }
        return (token, nil)
    }

    private func performTokens(_ reader: inout WireReader) throws(MalformedMessage) {
        let (token, refusal) = try token(&reader)
        try reader.finish()
        switch kind {
        case .keep:
            if let refusal { return reply(refusal) }
            var kept: jf_token = 0
            let code = HostTables.tokens.keep(host, token, &kept)
            reply(code, kept)
        case .drop: reply(HostTables.tokens.drop(host, token))
        default:
            var waiting: Int32 = 0
            let code = HostTables.tokens.waits(host, token, &waiting)
            reply(code, waiting)
        }
    }

    // MARK: Events

    private var mostAttachments: Int { isolated.plugin.host.socketOptions.maxAttachments }

    private func performEvents(_ reader: inout WireReader) throws(MalformedMessage) {
        switch kind {
        case .emit:
            let socket = try reader.integer(UInt64.self)
            let message = try reader.message(mostAttachments: mostAttachments)
            try reader.finish()
            reply(HostTables.events.emit(host, socket, message))
        case .emitAck:
            let socket = try reader.integer(UInt64.self)
            let message = try reader.message(mostAttachments: mostAttachments)
            let timeout = try reader.integer(UInt32.self)
            let context = try context(&reader)
            try reader.finish()
            reply(
                HostTables.events.emit_ack(
                    host, socket, message, timeout, context == nil ? nil : IsolatedPlugin.answered, context))
        case .broadcast:
            let target = try reader.target()
            let message = try reader.message(mostAttachments: mostAttachments)
            try reader.finish()
            reply(HostTables.events.broadcast(host, target, message))
        case .broadcastAck:
            let target = try reader.target()
            let message = try reader.message(mostAttachments: mostAttachments)
            let timeout = try reader.integer(UInt32.self)
            let context = try context(&reader)
            try reader.finish()
            reply(
                HostTables.events.broadcast_ack(
                    host, target, message, timeout, context == nil ? nil : IsolatedPlugin.answeredAll, context))
        case .ack:
            let (token, refusal) = try token(&reader)
            let args = try reader.text()
            let attachments = try reader.attachmentArguments(most: mostAttachments)
            try reader.finish()
            reply(refusal ?? HostTables.events.ack(host, token, args, attachments.items, attachments.count))
        default:
            let (token, refusal) = try token(&reader)
            let (code, message) = (try reader.text(), try reader.text())
            try reader.finish()
            reply(refusal ?? HostTables.events.ack_error(host, token, code, message))
        }
    }

    /// The context of a callback, of the worker's number for it; NULL for 0.
    private func context(_ reader: inout WireReader) throws(MalformedMessage) -> UnsafeMutableRawPointer? {
        IsolatedPlugin.context(try reader.integer(), of: worker)
    }

    // MARK: Sockets

    private func performSockets(_ reader: inout WireReader) throws(MalformedMessage) {
        let sockets = HostTables.sockets
        switch kind {
        case .describe:
            let socket = try reader.integer(UInt64.self)
            let parts = try reader.integer(UInt32.self)
            try reader.finish()
            reply(describing: socket, parts)
        case .setData:
            let socket = try reader.integer(UInt64.self)
            let json = try reader.text()
            try reader.finish()
            reply(sockets.set_data(host, socket, json))
        case .setPluginData:
            let socket = try reader.integer(UInt64.self)
            let data = try context(&reader)
            try reader.finish()
            reply(sockets.set_plugin_data(host, socket, data, data == nil ? nil : IsolatedPlugin.free))
        case .pluginData:
            let socket = try reader.integer(UInt64.self)
            try reader.finish()
            var data: UnsafeMutableRawPointer?
            let code = sockets.plugin_data(host, socket, &data)
            reply(code, UInt64(UInt(bitPattern: data)))
        case .disconnect:
            let socket = try reader.integer(UInt64.self)
            let close = try reader.integer(Int32.self)
            try reader.finish()
            reply(sockets.disconnect(host, socket, close))
        case .disconnectAll:
            let target = try reader.target()
            let close = try reader.integer(Int32.self)
            try reader.finish()
            reply(sockets.disconnect_all(host, target, close))
        case .fetch:
            let target = try reader.target()
            let parts = try reader.integer(UInt32.self)
            let context = try context(&reader)
            try reader.finish()
            reply(sockets.fetch(host, target, parts, context == nil ? nil : IsolatedPlugin.fetched, context))
        case .accept:
            let (token, refusal) = try token(&reader)
            let admission = try reader.admission(freeing: IsolatedPlugin.free) { number in
                IsolatedPlugin.context(number, of: worker)
            }
            try reader.finish()
            reply(refusal ?? sockets.accept(host, token, admission))
        default:
            let (token, refusal) = try token(&reader)
            let (message, data) = (try reader.text(), try reader.text())
            try reader.finish()
            reply(refusal ?? sockets.refuse(host, token, message, data))
        }
    }

    private func reply(describing socket: jf_socket, _ parts: UInt32) {
        var size = 4_096
        while true {
            var length: UInt64 = 0
            let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            let code = HostTables.sockets.describe(
                host, socket, parts, buffer.baseAddress, UInt64(size), &length)
            // The description may have grown since the last attempt.
            if code == JF_E_SPACE, length < 64 << 20 {
                size = Int(length) + 1_024
                continue
            }
            var result = WireWriter(capacity: Int(length) + 8)
            if code == JF_OK {
                result.data(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<Int(length)]))
            }
            return reply(code, result)
        }
    }

    // MARK: Rooms and presence

    private func performRooms(_ reader: inout WireReader) throws(MalformedMessage) {
        let rooms = HostTables.rooms
        switch kind {
        case .join, .leave:
            let socket = try reader.integer(UInt64.self)
            let room = try reader.text()
            try reader.finish()
            reply(kind == .join ? rooms.join(host, socket, room) : rooms.leave(host, socket, room))
        case .joinAll, .leaveAll:
            let target = try reader.target()
            let list = try reader.arguments(most: WireWriter.mostRooms)
            try reader.finish()
            reply(
                kind == .joinAll
                    ? rooms.join_all(host, target, list.items, list.count)
                    : rooms.leave_all(host, target, list.items, list.count))
        default:
            let (namespace, room) = (try reader.text(), try reader.text())
            let context = try context(&reader)
            try reader.finish()
            reply(rooms.members(host, namespace, room, context == nil ? nil : IsolatedPlugin.fetched, context))
        }
    }

    private func performPresence(_ reader: inout WireReader) throws(MalformedMessage) {
        let presence = HostTables.presence
        let user = try reader.text()
        try reader.finish()
        switch kind {
        case .isOnline:
            var online: Int32 = 0
            let code = presence.is_online(host, user, &online)
            reply(code, online)
        case .connections:
            var count: UInt64 = 0
            let code = presence.connections(host, user, &count)
            reply(code, count)
        case .onlineCount:
            var count: UInt64 = 0
            let code = presence.online_count(host, &count)
            reply(code, count)
        case .watch: reply(presence.watch(host, user))
        default: reply(presence.unwatch(host, user))
        }
    }

    // MARK: HTTP

    private func performHTTP(_ reader: inout WireReader) throws(MalformedMessage) {
        let http = HostTables.http
        switch kind {
        case .respond:
            let (token, refusal) = try token(&reader)
            let response = try reader.response()
            try reader.finish()
            reply(refusal ?? http.respond(host, token, response))
        case .problem:
            let (token, refusal) = try token(&reader)
            let status = try reader.integer(UInt32.self)
            let (code, detail) = (try reader.text(), try reader.text())
            try reader.finish()
            reply(refusal ?? http.problem(host, token, status, code, detail))
        case .stream:
            let (token, refusal) = try token(&reader)
            let response = try reader.response()
            let hasWritable = try reader.flag()
            var watch = jf_stream_callbacks.sized
            watch.reserved = try reader.integer()
            watch.context = try context(&reader)
            try reader.finish()
            if let refusal { return reply(refusal) }
            if hasWritable { watch.writable = IsolatedPlugin.writable }
            watch.closed = IsolatedPlugin.closed
            var stream: jf_stream = 0
            let code =
                watch.context == nil
                ? http.stream(host, token, response, nil, &stream)
                : http.stream(host, token, response, &watch, &stream)
            reply(code, stream)
        case .watchStream:
            let stream = try reader.integer(UInt64.self)
            let hasWritable = try reader.flag()
            var watch = jf_stream_callbacks.sized
            watch.reserved = try reader.integer()
            watch.context = try context(&reader)
            try reader.finish()
            if hasWritable { watch.writable = IsolatedPlugin.writable }
            watch.closed = IsolatedPlugin.closed
            reply(watch.context == nil ? http.watch(host, stream, nil) : http.watch(host, stream, &watch))
        case .write:
            let stream = try reader.integer(UInt64.self)
            let piece = try reader.octets()
            try reader.finish()
            reply(http.write(host, stream, piece))
        default:
            let stream = try reader.integer(UInt64.self)
            try reader.finish()
            reply(http.finish(host, stream))
        }
    }
}
