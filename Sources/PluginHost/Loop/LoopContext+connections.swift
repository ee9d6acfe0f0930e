import RawJSON
import SocketIO
import Support

/// Sockets that come and go. [loop]
extension LoopContext {
    func connect(_ attempt: ConnectAttempt) {
        switch host.authenticator.authenticate(attempt) {
        case .refuse(let message, let data):
            refuse(attempt, reason: Self.code(in: data) ?? "refused", message: message, data: data)
        case .accept(let identity):
            let dispatch = shard.namespace(attempt.namespace).map { self.dispatch(of: $0) } ?? NamespaceDispatch(attempt.namespace, snapshot: snapshot)
            // A plugin that is told of comings is told of the going, too, whatever its queue: so nobody comes who cannot be told of.
            if let full = dispatch.hooks.first(where: { $0.declaration.run != .inline && !$0.plugin.budget.hasCapacity }) {
                full.plugin.budget.countRefusal()
                return refuse(
                    attempt, reason: "overloaded", message: "overloaded", data: Array(#"{"code":"overloaded"}"#.utf8), plugin: full.plugin.name)
            }
            guard !dispatch.admitting.isEmpty else {
                return attempt.accept(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt)
            }
            // The authenticator has verified who comes; where recovery skips middlewares, plugins are not asked about a session of theirs that comes back.
            attempt.resume(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt) { [self] in
                AdmitHookChain(attempt, identity: identity, hooks: dispatch.admitting, loop: self).runNextHook()
            }
        }
    }

    /// Refuses a client, and says so to whoever counts and logs.
    func refuse(_ attempt: ConnectAttempt, reason: String, message: String, data: [UInt8]?, plugin: String? = nil) {
        host.onRefusal(RefusalRecord(.connect, reason: reason, detail: message, address: attempt.handshakeRequest.remoteAddress, plugin: plugin))
        attempt.refuse(message: message, data: data)
    }

    /// The text at `code`, which most refusals have.
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

    private func notify(_ socket: NamespaceSocket, _ moment: SocketLifecycleEvent.Moment, reason: DisconnectReason? = nil) {
        let hooks = dispatch(of: socket.namespace).hooks
        guard !hooks.isEmpty, let info = SocketInfo.of(socket) else { return }
        let lifecycleEvent = SocketLifecycleEvent(info, moment, reason: reason)
        for hook in hooks where lifecycleEvent.isWanted(by: hook) {
            if let meter = lifecycleEvent.meter(of: hook) {
                measure(meter) { lifecycleEvent.call(hook) }
                continue
            }
            let task = StrandTask(.socketHook, run: { lifecycleEvent.call(hook) })
            _ = hook.plugin.strand(for: hook.declaration.run, user: socket.user, else: socket.connection)
                .enqueue(task, of: Sender(user: socket.user, socket: socket.handle), bytes: lifecycleEvent.bytes, promised: true)
        }
    }

    /// Takes the pointers back that plugins have given to a socket, behind the callbacks about it that are queued.
    private func forgetPluginData(of socket: NamespaceSocket) {
        let handle = socket.handle
        let sender = Sender(user: socket.user, socket: handle)
        for plugin in snapshot.plugins where plugin.data(of: handle) != nil {
            // A `disconnected` hook on a lane has it taken back by itself, since nothing else comes surely behind it.
            let isTakenBack = dispatch(of: socket.namespace).hooks.contains {
                $0.plugin === plugin && $0.declaration.disconnected != nil && $0.declaration.run.usesLanes
            }
            guard !isTakenBack else { continue }
            _ = plugin.strand.enqueue(StrandTask(run: { plugin.data.remove(handle) }), of: sender, bytes: 0, promised: true)
        }
    }
}
