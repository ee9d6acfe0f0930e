import CJackfield
import RawJSON
import SocketIO
import Support

/// Holds what clients cause for a plugin that is being reloaded, and passes it on afterwards. [loop]
///
/// The loop holds it rather than the plugin's strand: afterwards every callback finds its handler in the declarations
/// that are then in force, whichever version won, and handlers that run inline run on the loop as ever.
extension LoopContext {
    /// Where to hold the callbacks of `plugin`; `nil` if it is not being reloaded.
    @inline(__always)
    func heldCallbacks(of plugin: LoadedPlugin) -> HeldCallbacks? {
        snapshot.holds.isEmpty ? nil : findHeldCallbacks(of: plugin)
    }

    @inline(never)
    private func findHeldCallbacks(of plugin: LoadedPlugin) -> HeldCallbacks? {
        guard let hold = snapshot.holds.first(where: { $0.concerns(plugin) }) else { return nil }
        if let known = held.first(where: { $0.hold === hold }) { return known }
        let new = HeldCallbacks(hold)
        held.append(new)
        return new
    }

    /// Holds an event of a client.
    ///
    /// - Parameter route: the one that would get it now.
    func hold(
        _ event: borrowing IncomingEvent, from socket: NamespaceSocket, for route: EventRoute,
        _ dispatch: NamespaceDispatch, wantsAck: Bool
    ) {
        guard case .plugin(let plugin, _) = route.target, let held = heldCallbacks(of: plugin) else { return }
        let budget = held.hold.plugin.budget
        var refusal: QueueBudget.Refusal?
        Self.withUserAndID(of: socket) { user, id in
            let size = (EventRecord.size(event, namespace: dispatch.name, user: user) + 7) & ~7
            var flags: EventRecord.Flags = wantsAck ? .wantsAck : []
            switch budget.reserve(size, for: Sender(user: user, socket: socket.handle)) {
            case .reserved: break
            case .charged: flags.insert(.isCharged)
            case .refused(let reason):
                refusal = reason
                return
            }
            let record = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
            record.storeBytes(of: UInt32(size), as: UInt32.self)
            EventRecord.write(
                event, to: record, route: UnsafeRawPointer(Unmanaged.passUnretained(route).toOpaque()),
                socket: socket.handle, connection: socket.connection, flags: flags, namespace: dispatch.name,
                user: user, id: id)
            held.append(record, isObserved: route.observes)
        }
        guard let refusal else { return }
        plugin.eventRefused(refusal, from: socket.handshakeRequest.remoteAddress)
        if wantsAck, let id = event.ackID {
            plugin.overloadedAnswer(refusal).withUnsafeBytes { socket.ack(id, args: $0) }
        }
    }

    // MARK: Passing on

    /// Passes on what was held for plugins that are not being reloaded any more.
    func releaseHeld() {
        let over = held.filter { held in !snapshot.holds.contains { $0 === held.hold } }
        held.removeAll { held in over.contains { $0 === held } }
        for held in over {
            let winner = held.hold.winner
            for item in held.removeAll() {
                switch item {
                case .event(let record, let isObserved):
                    release(record, of: held.hold.plugin.budget)
                    if isObserved { observe(record, of: winner) } else { handle(record) }
                    record.deallocate()
                case .call(let call):
                    held.release(call)
                    call.run(winner)
                }
            }
        }
    }

    /// Releases the budget of a held event, and removes the mark of it.
    private func release(_ record: UnsafeMutableRawPointer, of budget: QueueBudget) {
        let event = record.assumingMemoryBound(to: EventRecord.self)
        let size = Int(event.pointee.size)
        guard event.pointee.flags.contains(.isCharged) else { return budget.release(1, size) }
        budget.release(size, of: EventRecord.sender(of: UnsafePointer(event)))
        event.pointee.flags.remove(.isCharged)
    }

    private func dispatch(of record: UnsafeRawPointer) -> NamespaceDispatch {
        let name = ByteString(decoding: EventRecord.parts(of: record).namespace)
        return shard.namespace(name).map { dispatch(of: $0) } ?? NamespaceDispatch(name, snapshot: snapshot)
    }

    /// Delivers a held event to its handler.
    private func handle(_ record: UnsafeMutableRawPointer) {
        let dispatch = dispatch(of: record)
        let parts = EventRecord.parts(of: record)
        guard let found = dispatch.table.find(parts.name) ?? dispatch.catchAll else {
            unknownEvents.wrappingAdd(1, ordering: .relaxed)
            return answer(record, with: Array(Self.unknownEvent))
        }
        var route = found.route.takeUnretainedValue()
        if case .checked(let checked) = route.target {
            if let problem = checked.problem(with: parts.args, EventRecord.attachmentSizes(of: record)) {
                return refuse(record, checked, problem)
            }
            route = checked.route.takeUnretainedValue()
        }
        deliver(record, to: route)
    }

    /// Delivers a held event to the observers of `plugin`.
    private func observe(_ record: UnsafeMutableRawPointer, of plugin: LoadedPlugin) {
        let name = EventRecord.parts(of: record).name
        for observer in dispatch(of: record).observers
        where observer.name.isEmpty || observer.name.utf8.elementsEqual(name) {
            guard case .plugin(let owner, _) = observer.target, owner === plugin else { continue }
            deliver(record, to: observer)
        }
    }

    private func deliver(_ record: UnsafeMutableRawPointer, to route: EventRoute) {
        guard case .plugin(let plugin, _) = route.target else { return }
        record.storeBytes(
            of: UnsafeRawPointer(Unmanaged.passUnretained(route).toOpaque()),
            toByteOffset: EventRecord.routeOffset, as: UnsafeRawPointer.self)
        let event = UnsafePointer(record.assumingMemoryBound(to: EventRecord.self))
        if let meter = route.meter { return measure(meter) { plugin.call(event, thread) } }
        let size = Int(event.pointee.size)
        let strand = plugin.strand(for: route, record)
        // Not refused: its place in the queue was granted when it arrived.
        plugin.budget.reserveUnconditionally(size)
        let mustWake = strand.append(size: size) { copy in copy.copyMemory(from: record, byteCount: size) }
        if let mustWake { return mustWake ? wakeLater(strand) : () }
        plugin.budget.release(1, size)
        answer(record, with: plugin.goneAnswer)
    }

    private func refuse(_ record: UnsafeRawPointer, _ checked: CheckedRoute, _ problem: String) {
        let route = checked.route.takeUnretainedValue()
        let head = record.load(as: EventRecord.self)
        if case .plugin(let plugin, _) = route.target {
            let address = directory[head.socket]?.handshakeRequest.remoteAddress ?? ""
            plugin.argumentsRefused(problem, of: route.name, from: address)
        }
        answer(record, with: JSONWriter.errorArguments(code: "invalid_arguments", message: problem))
    }

    /// Acks a held event, if its client wants an ack and is still there.
    private func answer(_ record: UnsafeRawPointer, with args: [UInt8]) {
        let head = record.load(as: EventRecord.self)
        guard head.flags.contains(.wantsAck) else { return }
        args.withUnsafeBytes { shard.socket(head.socket)?.ack(head.ackID, args: $0) }
    }
}

extension LoadedPlugin {
    /// The strand on which the handler of a held event runs, by the route's run mode.
    fileprivate func strand(for route: EventRoute, _ record: UnsafeRawPointer) -> Strand {
        let parts = EventRecord.parts(of: record)
        switch route.run {
        case .strand, .inline: return strand
        case .parallel: return leastLoaded
        case .byUser:
            let connection = record.load(as: EventRecord.self).connection
            return lane(parts.user.isEmpty ? connection : EventTable.hash(parts.user))
        case .byKey: return strand(forKey: route.key, of: parts.args)
        }
    }
}
