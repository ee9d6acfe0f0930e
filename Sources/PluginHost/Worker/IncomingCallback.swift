import CFunctionCall
import CJackfield
import Glibc
import Support

/// A callback that the daemon has sent: reads the payload into the structure of the header, calls the plugin's
/// function, and tells the daemon that it has returned. On the strand or lane of the callback.
struct IncomingCallback: Sendable {
    let kind: WorkerMessage
    let id: UInt64
    let payload: [UInt8]
    let worker: RunningWorker

    init(_ kind: WorkerMessage, _ id: UInt64, _ payload: [UInt8], for worker: RunningWorker) {
        self.kind = kind
        self.id = id
        self.payload = payload
        self.worker = worker
    }

    private var instance: UnsafeMutableRawPointer? { worker.plugin.instance }
    private var daemon: DaemonLink { worker.daemon }

    func run() {
        var answer = WireWriter(capacity: 32)
        payload.withUnsafeBytes { payload in
            let arena = WireArena()
            var reader = WireReader(payload, arena)
            do throws(MalformedMessage) {
                try call(&reader, &answer)
                withExtendedLifetime(arena) {}
            } catch {
                // The daemon runs the same executable, so this is a bug of one of the two sides.
                fatalError("the daemon's message \(kind) is malformed: \(error.problem)")
            }
        }
        daemon.post(.returned, id: id, answer)
    }

    private func call(_ reader: inout WireReader, _ answer: inout WireWriter) throws(MalformedMessage) {
        switch kind {
        case .event: try callEvent(&reader)
        case .admit: try callAdmit(&reader, &answer)
        case .socketEvent: try callSocketEvent(&reader)
        case .request: try callRequest(&reader)
        case .presence: try callPresence(&reader)
        case .method: try callMethod(&reader, &answer)
        case .function: try callFunction(&reader, &answer)
        default: try callCaused(&reader)
        }
    }

    /// Runs `body` as the callback that has borrowed `token`.
    private func withFrame(
        _ token: jf_token, socket: jf_socket = 0,
        args: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        _ body: () -> Void
    ) {
        guard let thread = ThreadState.current else { return body() }
        var frame = CallbackFrame(
            plugin: UnsafeRawPointer(worker.plugin.handle), ack: ReplyToken(token), ackID: 0, socket: socket,
            sender: nil,
            args: args)
        withUnsafeMutablePointer(to: &frame) { frame in
            thread.frame = frame
            body()
            thread.frame = nil
        }
    }

    private func pluginData(_ reader: inout WireReader, of socket: jf_socket) throws(MalformedMessage)
        -> UnsafeMutableRawPointer?
    {
        daemon.data(of: socket, sent: try reader.integer(UInt64.self) >> 16)
    }

    // MARK: Declared callbacks

    private func callEvent(_ reader: inout WireReader) throws(MalformedMessage) {
        let declaration = worker.declarations.events[Int(try reader.integer(UInt32.self)) - 1]
        var event = jf_event.sized
        event.context = declaration.context
        event.socket = try reader.integer()
        event.connection = try reader.integer()
        event.ack = try reader.integer()
        event.plugin_data = try pluginData(&reader, of: event.socket)
        event.nsp = try reader.text()
        event.name = try reader.text()
        event.args = try reader.text()
        event.user = try reader.text()
        event.id = try reader.text()
        (event.attachments, event.attachment_count) = try reader.attachments()
        withFrame(event.ack, socket: event.socket, args: event.args.bytes) { declaration.handler?(instance, &event) }
    }

    private func callAdmit(_ reader: inout WireReader, _ answer: inout WireWriter) throws(MalformedMessage) {
        var attempt = jf_attempt.sized
        attempt.decision = try reader.integer()
        let declaration = worker.declarations.namespaces[Int(try reader.integer(UInt32.self)) - 1]
        attempt.context = declaration.context
        attempt.transport = try reader.integer()
        attempt.connection = try reader.integer()
        attempt.nsp = try reader.text()
        attempt.auth = try reader.text()
        attempt.user = try reader.text()
        attempt.claims = try reader.text()
        attempt.handshake = try reader.text()
        var refusal = jf_refusal.sized
        var code = JF_OK
        withFrame(attempt.decision) { code = declaration.admit?(instance, &attempt, &refusal) ?? JF_OK }
        answer.integer(code)
        withUnsafeBytes(of: &refusal.message) { answer.data($0.prefix { $0 != 0 }) }
        withUnsafeBytes(of: &refusal.data) { answer.data($0.prefix { $0 != 0 }) }
    }

    private func callSocketEvent(_ reader: inout WireReader) throws(MalformedMessage) {
        let moment = IsolatedPlugin.SocketMoment(rawValue: try reader.integer())
        let declaration = worker.declarations.namespaces[Int(try reader.integer(UInt32.self)) - 1]
        var event = jf_socket_event.sized
        event.context = declaration.context
        event.socket = try reader.integer()
        event.connection = try reader.integer()
        event.recovered = try reader.integer()
        event.transport = try reader.integer()
        event.plugin_data = try pluginData(&reader, of: event.socket)
        event.nsp = try reader.text()
        event.id = try reader.text()
        event.user = try reader.text()
        event.auth = try reader.text()
        event.reason = try reader.text()
        (event.rooms, event.room_count) = try reader.texts()
        let function =
            switch moment {
            case .connected: declaration.connected
            case .disconnecting: declaration.disconnecting
            default: declaration.disconnected
            }
        function?(instance, &event)
    }

    private func callRequest(_ reader: inout WireReader) throws(MalformedMessage) {
        var request = jf_request.sized
        request.reply = try reader.integer()
        let declaration = worker.declarations.routes[Int(try reader.integer(UInt32.self)) - 1]
        request.context = declaration.context
        request.method = try reader.text()
        request.path = try reader.text()
        request.user = try reader.text()
        request.claims = try reader.text()
        request.address = try reader.text()
        request.body = try reader.octets()
        (request.params, request.param_count) = try reader.pairs()
        (request.query, request.query_count) = try reader.pairs()
        (request.headers, request.header_count) = try reader.pairs()
        withFrame(request.reply) { declaration.handler?(instance, &request) }
    }

    private func callPresence(_ reader: inout WireReader) throws(MalformedMessage) {
        var change = jf_presence_change.sized
        change.online = try reader.integer()
        change.at = try reader.integer()
        change.user = try reader.text()
        worker.plugin.descriptor.presence?(instance, &change)
    }

    private func callMethod(_ reader: inout WireReader, _ answer: inout WireWriter) throws(MalformedMessage) {
        let token = try reader.integer(UInt64.self)
        let method = worker.methods[Int(try reader.integer(UInt32.self)) - 1]
        let caller = try reader.text()
        let args = try reader.values()
        // C functions read the texts as terminated strings, so the values are copied with zero bytes behind them.
        let block = ValueBlock(copying: args.items, count: Int(args.count))
        var outcome = CallOutcome(JF_E_LIMIT, LoadedPlugin.tooManyArguments)
        if let block {
            withFrame(token) {
                outcome = MethodRun.perform(
                    method, args: block.values, count: args.count, isTerminated: true, caller: caller,
                    reply: ReplyToken(token))
            }
        }
        var raw = jf_result.sized
        outcome.store(in: &raw)
        answer.result(raw)
        CallOutcome.release(&raw)
    }

    private func callFunction(_ reader: inout WireReader, _ answer: inout WireWriter) throws(MalformedMessage) {
        let function = worker.plugin.descriptor.functions[Int(try reader.integer(UInt32.self))]
        let args = try reader.values()
        guard let block = ValueBlock(copying: args.items, count: Int(args.count)) else {
            answer.integer(JF_E_LIMIT)
            answer.integer(Int32(0))
            return answer.value(jf_none())
        }
        var value = jf_value()
        var storage: UnsafeMutableRawPointer?
        var status: Int32 = 0
        let code = jf_function_call(
            function.type.pointer, function.function, block.values, true, &value, &storage, &status)
        defer { free(storage) }
        answer.integer(code)
        answer.integer(status)
        answer.value(code == JF_OK ? value : jf_none())
    }

    // MARK: Callbacks that calls have caused

    private func callCaused(_ reader: inout WireReader) throws(MalformedMessage) {
        let number = try reader.integer(UInt64.self)
        _ = try reader.integer(UInt16.self)
        switch (kind, daemon.callback(number)) {
        case (.answer, .answer(let call)?):
            daemon.remove(number)
            var answer = try reader.answer()
            call.function(instance, call.context, &answer)
        case (.answers, .answers(let call)?):
            daemon.remove(number)
            var answers = jf_answers.sized
            answers.status = try reader.integer()
            answers.expected = try reader.integer()
            let list = try reader.list(ofItems: 20) { (reader) throws(MalformedMessage) in try reader.answer() }
            answers.count = list.count
            answers.items = UnsafePointer(list.items)
            answers.stride = UInt32(MemoryLayout<jf_answer>.stride)
            call.function(instance, call.context, &answers)
        case (.fetched, .fetched(let call)?):
            daemon.remove(number)
            var fetched = try reader.fetched()
            call.function(instance, call.context, &fetched)
        case (.streamWritable, .stream(let watch)?):
            watch.writable?(instance, watch.context, try reader.integer())
        case (.streamClosed, .stream(let watch)?):
            daemon.remove(number)
            watch.closed?(instance, watch.context, try reader.integer(), try reader.integer())
        case (.bindingChanged, .changed(let call)?):
            let binding = try reader.integer(UInt64.self)
            // Not for a binding that was ended meanwhile.
            guard daemon.needs.withLock({ $0[binding] != nil }) else { return }
            call.function(instance, call.context, binding, try reader.integer(), try reader.text())
        case (.callResult, .result(let call)?):
            daemon.remove(number)
            let remote = try IsolatedPlugin.callOutcome(&reader)
            var raw = jf_result.sized
            raw.code = remote.code
            raw.value = remote.value
            raw.message = remote.message
            call.function(instance, call.context, &raw)
        case (.freeData, .data(let call, let socket, _)?):
            daemon.remove(number)
            daemon.attached.withLock { if $0[socket] == number { $0[socket] = nil } }
            call.function?(instance, call.context)
        default: break
        }
    }
}

extension WireReader {
    fileprivate mutating func answer() throws(MalformedMessage) -> jf_answer {
        var answer = jf_answer.sized
        answer.status = try integer()
        answer.socket = try integer()
        answer.args = try text()
        (answer.attachments, answer.attachment_count) = try attachments()
        return answer
    }

    fileprivate mutating func fetched() throws(MalformedMessage) -> jf_fetched {
        var fetched = jf_fetched.sized
        fetched.status = try integer()
        fetched.json = try text()
        let list = try list(ofItems: 50) { (reader) throws(MalformedMessage) in
            var item = jf_socket_info.sized
            item.transport = try reader.integer()
            item.socket = try reader.integer()
            item.connection = try reader.integer()
            item.id = try reader.part()
            item.nsp = try reader.part()
            item.user = try reader.part()
            item.claims = try reader.part()
            item.handshake = try reader.part()
            item.data = try reader.part()
            (item.rooms, item.room_count) = try reader.texts()
            return item
        }
        fetched.items = UnsafePointer(list.items)
        fetched.count = UInt64(list.count)
        fetched.stride = UInt32(MemoryLayout<jf_socket_info>.stride)
        return fetched
    }

    /// A text that may be absent.
    private mutating func part() throws(MalformedMessage) -> jf_text {
        let isThere = try flag()
        let text = try text()
        return isThere ? text : .none
    }
}
