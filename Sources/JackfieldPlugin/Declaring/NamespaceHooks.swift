/// The hooks of one namespace, and the C functions behind them.
final class NamespaceHooks {
    let name: String
    let isPattern: Bool
    /// Called on the strand. nil: the client joins as the token says.
    var admit: [(any Plugin, Attempt) throws -> Admission?] = []
    var admitLater: [@Sendable (Attempt) async throws -> Admission?] = []
    var connected: [(any Plugin, Socket, Connection) throws -> Void] = []
    var disconnecting: [(any Plugin, Socket, Disconnection) throws -> Void] = []
    var disconnected: [(any Plugin, Socket, Disconnection) throws -> Void] = []

    init(name: String, isPattern: Bool) {
        self.name = name
        self.isPattern = isPattern
    }

    /// "/" always exists, so it is declared only if it has hooks.
    var isDeclared: Bool {
        name != "/"
            || !(admit.isEmpty && admitLater.isEmpty && connected.isEmpty && disconnecting.isEmpty
                && disconnected.isEmpty)
    }

    /// Without a hook the slot stays NULL, so that the host skips the call.
    var declaration: jf_nsp_decl {
        jf_nsp_decl(
            name: .immortal(name), flags: isPattern ? JF_NSP_PATTERN : 0, run: JF_RUN_STRAND,
            admit: admit.isEmpty && admitLater.isEmpty ? nil : Self.admit,
            connected: connected.isEmpty ? nil : Self.connected,
            disconnecting: disconnecting.isEmpty ? nil : Self.disconnecting,
            disconnected: disconnected.isEmpty ? nil : Self.disconnected,
            context: Unmanaged.passRetained(self).toOpaque(), names: nil, name_count: 0, reserved: 0)
    }

    // MARK: Admission

    private static let admit:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_attempt>?, UnsafeMutablePointer<jf_refusal>?) ->
            Int32 = { instance, attempt, refusal in
                guard let instance = Instance.of(instance), let attempt, let context = attempt.pointee.context else {
                    return JF_E_INVALID
                }
                let hooks = Unmanaged<NamespaceHooks>.fromOpaque(context).takeUnretainedValue()
                return hooks.decide(attempt.pointee, instance, refusal)
            }

    private func decide(_ raw: jf_attempt, _ instance: Instance, _ refusal: UnsafeMutablePointer<jf_refusal>?) -> Int32
    {
        let host = instance.host
        let attempt = Attempt(raw)
        do {
            var admission: Admission?
            for hook in admit { admission = try hook(instance.plugin, attempt) ?? admission }
            if admitLater.isEmpty {
                if let admission { _ = try host.accept(raw.decision, admission) }
                return JF_OK
            }
            var kept: jf_token = 0
            try host.check(host.tokens.keep?(host.pointer, raw.decision, &kept), "tokens.keep")
            Self.decideLater(admitLater, attempt, admission, Decision(host: host, token: kept))
            return JF_PENDING
        } catch let reason as Refusal {
            return reason.write(to: refusal)
        } catch {
            host.log.error("connect hook of '\(name)': \(error)")
            return JF_E_FAILED
        }
    }

    private static func decideLater(
        _ hooks: [@Sendable (Attempt) async throws -> Admission?], _ attempt: Attempt, _ early: Admission?,
        _ decision: Decision
    ) {
        Task {
            do {
                var admission = early
                for hook in hooks { admission = try await hook(attempt) ?? admission }
                try decision.accept(admission)
            } catch let reason as Refusal {
                decision.refuse(reason)
            } catch {
                decision.host.log.error("connect hook of '\(attempt.namespace)': \(error)")
                decision.drop()
            }
        }
    }

    // MARK: Joining and leaving

    private static let connected: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void = {
        instance, event in
        visit(instance, event) { hooks, plugin, socket, raw in
            let connection = Connection(raw)
            for hook in hooks.connected { try hook(plugin, socket, connection) }
        }
    }

    private static let disconnecting:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void = { instance, event in
            visit(instance, event) { hooks, plugin, socket, raw in
                let disconnection = Disconnection(raw)
                for hook in hooks.disconnecting { try hook(plugin, socket, disconnection) }
            }
        }

    private static let disconnected:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void = { instance, event in
            visit(instance, event) { hooks, plugin, socket, raw in
                let disconnection = Disconnection(raw)
                for hook in hooks.disconnected { try hook(plugin, socket, disconnection) }
            }
        }

    private static func visit(
        _ instance: UnsafeMutableRawPointer?, _ event: UnsafePointer<jf_socket_event>?,
        _ body: (NamespaceHooks, any Plugin, Socket, jf_socket_event) throws -> Void
    ) {
        guard let instance = Instance.of(instance), let raw = event?.pointee, let context = raw.context else { return }
        let hooks = Unmanaged<NamespaceHooks>.fromOpaque(context).takeUnretainedValue()
        let socket = Socket(
            host: instance.host, handle: raw.socket, namespace: String(raw.nsp), user: .unlessEmpty(raw.user))
        do {
            try body(hooks, instance.plugin, socket, raw)
        } catch {
            instance.host.log.error("hook of '\(hooks.name)': \(error)")
        }
    }
}
