import CJackfield
import RawJSON
import Signatures
import SocketIO
import Support

/// Delivers clients' events from the shard to a handler. [loop]
extension LoopContext {
    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        // Keeps the dispatch alive for the call: a handler may cause the namespace to get a new one.
        let dispatch = dispatch(of: socket.namespace)
        if !dispatch.observers.isEmpty, !observe(event, from: socket, dispatch) { return }
        guard let found = dispatch.table.find(event.name) ?? dispatch.catchAll else {
            unknownEvents.wrappingAdd(1, ordering: .relaxed)
            if let id = event.ackID {
                socket.ack(id, args: host.isStopping.load(ordering: .relaxed) ? Self.stopping : Self.unknownEvent)
            }
            return
        }
        if let target = found.inline {
            call(target, with: event, from: socket, dispatch, wantsAck: event.ackID != nil)
        } else {
            deliver(event, from: socket, to: found.route.takeUnretainedValue(), dispatch, wantsAck: event.ackID != nil)
        }
    }

    /// Observers get only events that keep to the contract of their handler. The handler's delivery checks again: only
    /// namespaces with observers pay for that.
    ///
    /// - Returns: false if the arguments were refused.
    private func observe(_ event: borrowing IncomingEvent, from socket: NamespaceSocket, _ dispatch: NamespaceDispatch)
        -> Bool
    {
        switch dispatch.table.find(event.name)?.route.takeUnretainedValue().target {
        case .checked(let checked):
            guard accepts(event, from: socket, checked) else { return false }
        case .held(let route):
            if let contract = route.contract {
                guard accepts(event, from: socket, CheckedRoute(route, contract)) else { return false }
            }
        default: break
        }
        for observer in dispatch.observers where observer.name.isEmpty || observer.name.utf8.elementsEqual(event.name) {
            if let target = observer.inlineTarget {
                call(target, with: event, from: socket, dispatch, wantsAck: false)
            } else {
                deliver(event, from: socket, to: observer, dispatch, wantsAck: false)
            }
        }
        return true
    }

    // `nonisolated(unsafe)` is safe for both: string constants of the binary, never written and never freed.
    nonisolated(unsafe) static let unknownEvent = bytes(
        #"[{"error":{"code":"unknown_event","message":"no plugin handles the event"}}]"#)
    nonisolated(unsafe) private static let stopping = bytes(
        #"[{"error":{"code":"unavailable","message":"the host is stopping"}}]"#)

    private static func bytes(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// Delivers to a strand, or to the daemon's own handler.
    private func deliver(
        _ event: borrowing IncomingEvent, from socket: NamespaceSocket, to route: EventRoute,
        _ dispatch: NamespaceDispatch, wantsAck: Bool
    ) {
        switch route.target {
        case .builtin(let handler):
            handler(event, socket)
            // A builtin such as a token refresh may change the claims, which other threads read in `SocketInfo`.
            SocketInfo.of(socket)?.follow(socket)
        case .plugin(let plugin, _):
            enqueue(event, from: socket, to: route, of: plugin, dispatch, wantsAck)
        case .checked(let checked):
            check(event, from: socket, checked, dispatch, wantsAck: wantsAck)
        case .held(let route):
            hold(event, from: socket, for: route, dispatch, wantsAck: wantsAck)
        }
    }

    /// Delivers an event if its arguments keep to the contract of its handler.
    @inline(never)
    private func check(
        _ event: borrowing IncomingEvent, from socket: NamespaceSocket, _ checked: CheckedRoute,
        _ dispatch: NamespaceDispatch, wantsAck: Bool
    ) {
        guard accepts(event, from: socket, checked) else { return }
        if let target = checked.inline {
            call(target, with: event, from: socket, dispatch, wantsAck: wantsAck)
        } else {
            deliver(event, from: socket, to: checked.route.takeUnretainedValue(), dispatch, wantsAck: wantsAck)
        }
    }

    /// Whether the arguments keep to the contract. If not, the client reads what is wrong, if it wants an ack.
    private func accepts(_ event: borrowing IncomingEvent, from socket: NamespaceSocket, _ checked: CheckedRoute)
        -> Bool
    {
        let (args, attachments) = (event.args, event.attachments)
        var bytes = args.count
        for attachment in attachments { bytes += attachment.count }
        guard bytes <= checked.largest else {
            refuse(event, from: socket, checked, BoundFunction.problem(ofInlineArguments: bytes))
            return false
        }
        let violation = checked.contract._withUnsafeGuaranteedRef {
            $0.checkArguments(args, attachments: attachments.count, binary: .attachment)
        }
        guard let violation else { return true }
        refuse(event, from: socket, checked, violation.description)
        return false
    }

    @inline(never)
    private func refuse(
        _ event: borrowing IncomingEvent, from socket: NamespaceSocket, _ checked: CheckedRoute, _ problem: String
    ) {
        let route = checked.route.takeUnretainedValue()
        if case .plugin(let plugin, _) = route.target {
            plugin.argumentsRefused(problem, of: route.name, from: socket.handshakeRequest.remoteAddress)
        }
        if let id = event.ackID {
            JSONWriter.errorArguments(code: "invalid_arguments", message: problem).withUnsafeBytes {
                socket.ack(id, args: $0)
            }
        }
    }

    /// Calls the handler on this thread. Allocates, locks and copies nothing, and counts no reference that another loop
    /// might count at the same time.
    @inline(__always)
    private func call(
        _ target: InlineTarget, with event: borrowing IncomingEvent, from socket: NamespaceSocket,
        _ dispatch: NamespaceDispatch, wantsAck: Bool
    ) {
        var raw = jf_event.sized
        raw.socket = socket.handle
        raw.connection = socket.connection
        raw.nsp = jf_text(dispatch.name)
        raw.name = jf_text(event.name)
        raw.args = jf_text(event.args)
        raw.context = target.context
        let token = wantsAck ? thread.makeToken() : ReplyToken(0)
        raw.ack = token.raw
        var frame = CallbackFrame(
            plugin: target.plugin, ack: token, ackID: event.ackID ?? 0, socket: socket.handle,
            sender: .passUnretained(socket), args: event.args)

        let isTimed = (target.counters + index).pointee.begin()
        let start = isTimed ? Clock.monotonicNanoseconds : 0

        let outerCallback = enter(target.mark)
        let attachments = event.attachments
        // Keeps the pointer that the plugin attached to the socket alive for the call.
        let data = Unmanaged<LoadedPlugin>.fromOpaque(target.plugin)._withUnsafeGuaranteedRef {
            $0.data(of: socket.handle)
        }
        defer { withExtendedLifetime(data) {} }
        raw.plugin_data = data?.pointer
        Self.withUserAndID(of: socket) { user, id in
            raw.user = jf_text(user)
            raw.id = jf_text(id)
            withUnsafeMutablePointer(to: &frame) { frame in
                // Handlers nest: one that disconnects its sender runs the sender's disconnect hooks inside its own
                // call.
                let outer = thread.frame
                thread.frame = frame
                defer { thread.frame = outer }
                guard !attachments.isEmpty else { return target.handler(target.instance, &raw) }
                withUnsafeTemporaryAllocation(of: jf_bytes.self, capacity: attachments.count) { list in
                    for index in list.indices { list[index] = jf_bytes(attachments[index]) }
                    raw.attachments = UnsafePointer(list.baseAddress)
                    raw.attachment_count = UInt32(list.count)
                    target.handler(target.instance, &raw)
                }
            }
        }
        leave(to: outerCallback)
        if isTimed {
            let time = Clock.monotonicNanoseconds - start
            InlineMeter.of(target.mark)._withUnsafeGuaranteedRef { $0.timed(time, loop: index) }
        }
    }

    /// Copies the event to the end of the strand's queue.
    private func enqueue(
        _ event: borrowing IncomingEvent, from socket: NamespaceSocket, to route: EventRoute, of plugin: LoadedPlugin,
        _ dispatch: NamespaceDispatch, _ wantsAck: Bool
    ) {
        let strand = plugin.strand(for: route, event, from: socket)
        if let isolated = plugin.isolated, strand.borrow() {
            // The strand has nothing to do, so this thread sends the event to the worker: one wake-up less.
            let isSent = isolated.sendAtOnce(event, from: socket, to: route, on: strand, dispatch.name, wantsAck)
            strand.giveBack(handled: isSent)
            if isSent { return }
        }
        var mustWake: Bool?
        var refusal: QueueBudget.Refusal?
        Self.withUserAndID(of: socket) { user, id in
            let size = EventRecord.size(event, namespace: dispatch.name, user: user)
            let rounded = (size + 7) & ~7
            var flags: EventRecord.Flags = wantsAck ? .wantsAck : []
            switch plugin.budget.reserve(rounded, for: Sender(user: user, socket: socket.handle)) {
            case .reserved: break
            case .charged: flags.insert(.isCharged)
            case .refused(let reason):
                refusal = reason
                return
            }
            mustWake = strand.append(size: size) { record in
                EventRecord.write(
                    event, to: record, route: UnsafeRawPointer(Unmanaged.passUnretained(route).toOpaque()),
                    socket: socket.handle,
                    connection: socket.connection, flags: flags, namespace: dispatch.name, user: user, id: id)
            }
            guard mustWake == nil else { return }
            if flags.contains(.isCharged) {
                plugin.budget.release(rounded, of: Sender(user: user, socket: socket.handle))
            } else {
                plugin.budget.release(1, rounded)
            }
        }
        if let refusal { plugin.eventRefused(refusal, from: socket.handshakeRequest.remoteAddress) }
        if let mustWake {
            if mustWake { wakeLater(strand) }
        } else if wantsAck, let id = event.ackID {
            (refusal.map(plugin.overloadedAnswer) ?? plugin.goneAnswer).withUnsafeBytes { socket.ack(id, args: $0) }
        }
    }

    /// Passes the user and the id of a socket as bytes, valid for the call.
    @inline(__always)
    static func withUserAndID(
        of socket: NamespaceSocket, _ body: (_ user: UnsafeRawBufferPointer, _ id: UnsafeRawBufferPointer) -> Void
    ) {
        withUnsafeTemporaryAllocation(byteCount: NamespaceSocket.idLength, alignment: 1) { buffer in
            // The buffer has a fixed size that is not 0, so it has a base address.
            socket.writeID(to: buffer.baseAddress.unsafelyUnwrapped)
            let id = UnsafeRawBufferPointer(buffer)
            guard let user = socket.user else { return body(UnsafeRawBufferPointer(start: nil, count: 0), id) }
            user.withBytes { body($0, id) }
        }
    }
}
