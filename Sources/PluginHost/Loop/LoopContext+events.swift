import CJackfield
import SocketIO

/// Events of clients: from the shard to a handler. [loop]
extension LoopContext {
    func event(_ event: borrowing IncomingEvent, from socket: Socket) {
        let dispatch = dispatch(of: socket.namespace)
        for observer in dispatch.observers {
            guard observer.name.isEmpty || observer.name.utf8.elementsEqual(event.name) else { continue }
            deliver(event, from: socket, to: observer, dispatch, wantsAck: false)
        }
        if let route = dispatch.table.find(event.name) {
            // The table, and with it the route, may be replaced while the handler runs.
            deliver(event, from: socket, to: route.takeUnretainedValue(), dispatch, wantsAck: event.ackID != nil)
        } else if let route = dispatch.catchAll {
            deliver(event, from: socket, to: route, dispatch, wantsAck: event.ackID != nil)
        } else {
            unknownEvents.wrappingAdd(1, ordering: .relaxed)
            if let id = event.ackID { socket.ack(id, args: Self.unknownEvent) }
        }
    }

    /// `{"error":{"code":"unknown_event"}}`, word for word.
    // Unsafe in name only: a constant of the binary that is never written and never freed.
    nonisolated(unsafe) private static let unknownEvent = {
        let text: StaticString = #"[{"error":{"code":"unknown_event"}}]"#
        return UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }()

    @inline(__always)
    private func deliver(
        _ event: borrowing IncomingEvent, from socket: Socket, to route: EventRoute, _ dispatch: NamespaceDispatch, wantsAck: Bool
    ) {
        switch route.target {
        case .builtin(let handler):
            handler(event, socket)
            // A refreshed token changes the claims, which other threads read here.
            (socket.userInfo as? SocketInfo)?.follow(socket)
        case .plugin(let plugin, let handler):
            if case .inline = route.run {
                call(handler, of: plugin, with: event, from: socket, route, dispatch, wantsAck)
            } else {
                handOver(event, from: socket, to: route, of: plugin, dispatch, wantsAck)
            }
        }
    }

    /// Calls the handler here and now. Nothing is allocated, locked or copied.
    private func call(
        _ handler: jf_event_fn, of plugin: Plugin, with event: borrowing IncomingEvent, from socket: Socket, _ route: EventRoute,
        _ dispatch: NamespaceDispatch, _ wantsAck: Bool
    ) {
        var raw = jf_event()
        raw.struct_size = UInt32(MemoryLayout<jf_event>.size)
        raw.socket = socket.handle
        raw.nsp = jf_text(dispatch.name)
        raw.name = jf_text(event.name)
        raw.args = jf_text(event.args)
        raw.context = route.context
        let token = wantsAck ? thread.makeToken() : Token(0)
        raw.ack = token.raw
        var frame = CallbackFrame(
            plugin: UnsafeRawPointer(plugin.handle), ack: token, ackID: event.ackID ?? 0, socket: socket.handle, sender: .passUnretained(socket),
            args: event.args)

        let counters = plugin.inline.baseAddress.unsafelyUnwrapped + index
        counters.pointee.calls &+= 1
        let isSampled = counters.pointee.calls & InlineCounters.samplingMask == 0
        let start = isSampled ? Clock.monotonicNanoseconds : 0

        let attachments = event.attachments
        Self.withUser(of: socket) { user in
            raw.user = jf_text(user)
            withUnsafeMutablePointer(to: &frame) { frame in
                // Handlers nest: one that disconnects its sender runs the hooks of that.
                let outer = thread.frame
                thread.frame = frame
                defer { thread.frame = outer }
                guard !attachments.isEmpty else { return handler(plugin.instance, &raw) }
                withUnsafeTemporaryAllocation(of: jf_bytes.self, capacity: attachments.count) { list in
                    for index in list.indices { list[index] = jf_bytes(attachments[index]) }
                    raw.attachments = UnsafePointer(list.baseAddress)
                    raw.attachment_count = UInt32(list.count)
                    handler(plugin.instance, &raw)
                }
            }
        }
        if isSampled { measured(Clock.monotonicNanoseconds - start, counters, plugin, route) }
    }

    private func measured(_ time: Int64, _ counters: UnsafeMutablePointer<InlineCounters>, _ plugin: Plugin, _ route: EventRoute) {
        counters.pointee.samples &+= 1
        counters.pointee.sampledTime &+= time
        guard time > Int64(host.options.inlineBudget) * 1_000 else { return }
        counters.pointee.slow &+= 1
        // The first, the second, the fourth …: a handler that is slow each time does not drown everything else.
        guard counters.pointee.slow & (counters.pointee.slow - 1) == 0 else { return }
        plugin.log.warning(
            "the inline handler of '\(route.name)' took \(time / 1_000) µs on loop \(index) (\(counters.pointee.slow) such calls seen); every other socket of the loop waited, so do not block in it, or declare JF_RUN_STRAND"
        )
    }

    /// Copies the event behind what waits on the plugin's strand.
    private func handOver(
        _ event: borrowing IncomingEvent, from socket: Socket, to route: EventRoute, of plugin: Plugin, _ dispatch: NamespaceDispatch, _ wantsAck: Bool
    ) {
        let strand = plugin.strand(for: route, event, from: socket)
        var outcome: Bool?
        Self.withUser(of: socket) { user in
            let size = EventRecord.size(event, namespace: dispatch.name, user: user)
            let rounded = (size + 7) & ~7
            guard plugin.budget.take(rounded) else { return }
            outcome = strand.append(size: size) { record in
                EventRecord.write(
                    event, to: record, route: UnsafeRawPointer(Unmanaged.passUnretained(route).toOpaque()), socket: socket.handle, wantsAck: wantsAck,
                    namespace: dispatch.name, user: user)
            }
            if outcome == nil { plugin.budget.give(1, rounded) }
        }
        if let outcome {
            if outcome { wakeLater(strand) }
        } else if wantsAck, let id = event.ackID {
            plugin.overloadedAnswer.withUnsafeBytes { socket.ack(id, args: $0) }
        }
    }

    /// The user of a socket as bytes, for a call.
    @inline(__always)
    private static func withUser(of socket: Socket, _ body: (UnsafeRawBufferPointer) -> Void) {
        // Swift strings on Linux are always contiguous UTF-8.
        guard let user = socket.user,
            user.utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) != nil
        else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    }
}
