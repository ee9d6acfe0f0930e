import CJackfield
import RawJSON
import SocketIO
import Support

/// Connecting and disconnecting sockets. [loop]
extension LoopContext {
    func connect(_ attempt: ConnectAttempt) {
        switch host.authenticator.authenticate(attempt) {
        case .refuse(let message, let data):
            refuse(attempt, reason: Self.code(in: data) ?? "refused", message: message, data: data)
        case .accept(let identity):
            let dispatch =
                shard.namespace(attempt.namespace).map { self.dispatch(of: $0) }
                ?? NamespaceDispatch(attempt.namespace, snapshot: snapshot)
            // A `disconnected` hook is queued even if the queue is full, because each `connected` needs one. So no new
            // client is accepted while the queue of a plugin with hooks is full.
            if let full = dispatch.hooks.first(where: { $0.declaration.run != .inline && !$0.plugin.budget.hasCapacity }
            ) {
                full.plugin.budget.countRefusal()
                return refuse(
                    attempt, reason: "overloaded", message: "overloaded", data: Array(#"{"code":"overloaded"}"#.utf8),
                    plugin: full.plugin.name)
            }
            guard !dispatch.admitting.isEmpty else {
                return attempt.accept(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt)
            }
            // The authenticator has verified the client. If recovery skips middlewares, the admit hooks do not run
            // again for a recovered session.
            attempt.resume(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt) { [self] in
                AdmitHookChain(attempt, identity: identity, hooks: dispatch.admitting, loop: self).runNextHook()
            }
        }
    }

    /// Refuses a client, and reports the refusal.
    func refuse(_ attempt: ConnectAttempt, reason: String, message: String, data: [UInt8]?, plugin: String? = nil) {
        host.onRefusal(
            RefusalRecord(
                .connect, reason: reason, detail: message, address: attempt.handshakeRequest.remoteAddress,
                plugin: plugin))
        attempt.refuse(message: message, data: data)
    }

    /// The string at `/code`, which most refusals have.
    static func code(in data: [UInt8]?) -> String? {
        guard let data, let found = try? JSONPointer.find("/code", in: data), found.kind == .string else { return nil }
        return String(decoding: data[found.range].dropFirst().dropLast(), as: UTF8.self)
    }

    func connected(_ socket: NamespaceSocket) {
        let admitted = socket.userInfo as? AdmittedSocket
        if let data = admitted?.data { socket.data = data }
        let info = SocketInfo(socket)
        socket.userInfo = info
        directory.add(info)
        if let admitted { for (plugin, data) in admitted.pluginData { plugin.data.set(data, for: socket.handle) } }
        host.observer?.socketConnected(socket)
        notify(socket, .connected(isRecovered: socket.isRecovered))
    }

    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason) {
        let hooks = dispatch(of: socket.namespace).hooks
        guard hooks.contains(where: { $0.declaration.disconnecting != nil }) else { return }
        notify(socket, .disconnecting(rooms: socket.rooms), reason: reason)
    }

    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        directory.remove(socket.handle)
        host.observer?.socketDisconnected(socket, reason: reason)
        notify(socket, .disconnected, reason: reason)
        forgetPluginData(of: socket)
    }

    private func notify(
        _ socket: NamespaceSocket, _ moment: SocketLifecycleEvent.Moment, reason: DisconnectReason? = nil
    ) {
        let hooks = dispatch(of: socket.namespace).hooks
        guard !hooks.isEmpty, let info = SocketInfo.of(socket) else { return }
        let lifecycleEvent = SocketLifecycleEvent(info, moment, reason: reason)
        for hook in hooks where lifecycleEvent.isWanted(by: hook) {
            guard let held = heldCallbacks(of: hook.plugin) else {
                notify(lifecycleEvent, hook)
                continue
            }
            let declared = hook.declaration.name
            _ = held.append(bytes: lifecycleEvent.bytes, of: lifecycleEvent.sender, promised: true) { plugin in
                for hook in self.snapshot.hooks(of: lifecycleEvent.namespace)
                where hook.plugin === plugin && hook.declaration.name == declared && lifecycleEvent.isWanted(by: hook) {
                    self.notify(lifecycleEvent, hook)
                }
            }
        }
    }

    private func notify(_ lifecycleEvent: SocketLifecycleEvent, _ hook: NamespaceHook) {
        if let meter = lifecycleEvent.meter(of: hook) { return measure(meter) { lifecycleEvent.call(hook) } }
        let task = StrandTask(.socketHook, run: { lifecycleEvent.call(hook) })
        _ = hook.plugin.strand(for: hook.declaration.run, user: lifecycleEvent.user, else: lifecycleEvent.connection)
            .enqueue(task, of: lifecycleEvent.sender, bytes: lifecycleEvent.bytes, promised: true)
    }

    /// Removes the pointers that plugins have attached to a socket, after the queued callbacks about it.
    private func forgetPluginData(of socket: NamespaceSocket) {
        let handle = socket.handle
        let sender = Sender(user: socket.user, socket: handle)
        for plugin in snapshot.plugins where plugin.data(of: handle) != nil {
            if let held = heldCallbacks(of: plugin) {
                // After the `disconnected` hook, which is held, too. If another version has won, this one frees all its
                // pointers when it ends.
                _ = held.append(bytes: 0, of: sender, promised: true) { winner in
                    guard winner === plugin else { return }
                    _ = plugin.strand.enqueue(
                        StrandTask(run: { plugin.data.remove(handle) }), of: sender, bytes: 0, promised: true)
                }
                continue
            }
            // For a `disconnected` hook that runs on a lane, the hook's call removes it: a task on another strand could
            // run first.
            let isTakenBack = dispatch(of: socket.namespace).hooks.contains {
                $0.plugin === plugin && $0.declaration.disconnected != nil && $0.declaration.run.usesLanes
            }
            guard !isTakenBack else { continue }
            _ = plugin.strand.enqueue(
                StrandTask(run: { plugin.data.remove(handle) }), of: sender, bytes: 0, promised: true)
        }
    }
}

/// The daemon's view of sockets that connect and disconnect: presence, expiry. Called before the plugins' hooks. [loop]
public protocol SocketObserver: Sendable {
    func socketConnected(_ socket: NamespaceSocket)
    func socketDisconnected(_ socket: NamespaceSocket, reason: DisconnectReason)
}

/// The event that a plugin's socket hooks get when a socket connects or disconnects.
final class SocketLifecycleEvent: Sendable {
    enum Moment: Sendable {
        case connected(isRecovered: Bool)
        case disconnecting(rooms: [ByteString])
        case disconnected
    }

    private let info: SocketInfo
    private let moment: Moment
    private let pack: TextPack

    private static let fixedParts = 5

    init(_ info: SocketInfo, _ moment: Moment, reason: DisconnectReason? = nil) {
        self.info = info
        self.moment = moment
        var parts: [TextPack.Part] = [
            .text(info.namespace.text), .text(info.id.text), .text(info.user?.text ?? ""),
            .text(reason?.rawValue ?? ""),
        ]
        if case .connected = moment { parts.append(.bytes(info.auth)) } else { parts.append(.text("")) }
        if case .disconnecting(let rooms) = moment { parts += rooms.map { .text($0.text) } }
        pack = TextPack(parts)
    }

    var bytes: Int { pack.count }
    var namespace: ByteString { info.namespace }
    var user: ByteString? { info.user }
    var connection: UInt64 { info.connection }
    var sender: Sender { Sender(user: info.user, socket: info.handle) }

    /// The meter of the hook for this event, if the hook runs inline.
    func meter(of hook: NamespaceHook) -> InlineMeter? {
        switch moment {
        case .connected: hook.connectedMeter
        case .disconnecting: hook.disconnectingMeter
        case .disconnected: hook.disconnectedMeter
        }
    }

    /// Calls the plugin's hook for this event, if there is one.
    func call(_ hook: NamespaceHook) {
        let function: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
        var rooms: [jf_text] = []
        var recovered: Int32 = 0
        switch moment {
        case .connected(let isRecovered):
            function = hook.declaration.connected
            recovered = isRecovered ? 1 : 0
        case .disconnecting(let names):
            function = hook.declaration.disconnecting
            rooms = names.indices.map { pack[Self.fixedParts + $0] }
        case .disconnected:
            function = hook.declaration.disconnected
        }
        guard let function else { return }
        let data = hook.plugin.data(of: info.handle)
        rooms.withUnsafeBufferPointer { rooms in
            var event = jf_socket_event.sized
            event.room_count = UInt32(rooms.count)
            event.socket = info.handle
            event.connection = info.connection
            event.nsp = pack[0]
            event.id = pack[1]
            event.user = pack[2]
            event.reason = pack[3]
            event.auth = pack[4]
            event.rooms = rooms.isEmpty ? nil : rooms.baseAddress
            event.recovered = recovered
            event.transport = info.transport
            event.plugin_data = data?.pointer
            event.context = hook.declaration.context
            withExtendedLifetime(data) { function(hook.plugin.instance, &event) }
        }
        // See ``LoopContext/forgetPluginData(of:)``.
        if case .disconnected = moment, data != nil, hook.declaration.run.usesLanes {
            hook.plugin.data.remove(info.handle)
        }
    }

    /// Whether the plugin has a hook for this event.
    func isWanted(by hook: NamespaceHook) -> Bool {
        switch moment {
        case .connected: hook.declaration.connected != nil
        case .disconnecting: hook.declaration.disconnecting != nil
        case .disconnected: hook.declaration.disconnected != nil
        }
    }
}
