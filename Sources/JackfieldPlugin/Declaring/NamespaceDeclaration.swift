/// One namespace, or all that match a pattern. The names are those of the reference server where it has them: `use`,
/// `on`, `onAny`.
///
/// Hooks run on the strand. If several plugins declare one namespace, the host calls the hooks of all of them, in the
/// order of loading.
public struct NamespaceDeclaration<P: Plugin> {
    let hooks: NamespaceHooks
    let all: DeclaredParts

    // MARK: Events

    /// An event, handled on the strand. An error that the handler throws becomes the error of its ack; see ``Problem``.
    ///
    /// - Parameter signature: the types of the arguments and of the ack, such as `(room: string) -> json`
    ///   (`docs/signatures.md`). Other arguments do not reach the handler. Empty: any arguments.
    @discardableResult
    public func on(
        _ name: String, signature: String = "", _ handler: @escaping (P) -> (Socket, borrowing Event) throws -> Void
    ) -> Self {
        add(name, signature, nil, 0) { plugin, socket, event in
            if let plugin = plugin as? P { try handler(plugin)(socket, event) }
        }
    }

    /// An event, handled on the strand, by a closure that needs no instance.
    @discardableResult
    public func on(
        _ name: String, signature: String = "", _ handler: @escaping (Socket, borrowing Event) throws -> Void
    ) -> Self {
        add(name, signature, nil, 0) { _, socket, event in try handler(socket, event) }
    }

    /// An event, handled elsewhere than on the strand.
    @discardableResult
    public func on(
        _ name: String, signature: String = "", run: Run,
        _ handler: @escaping @Sendable (P) -> (Socket, borrowing Event) throws -> Void
    ) -> Self where P: Sendable {
        add(name, signature, run, 0) { plugin, socket, event in
            if let plugin = plugin as? P { try handler(plugin)(socket, event) }
        }
    }

    /// An event, handled elsewhere than on the strand, by a closure that needs no instance.
    @discardableResult
    public func on(
        _ name: String, signature: String = "", run: Run,
        _ handler: @escaping @Sendable (Socket, borrowing Event) throws -> Void
    ) -> Self {
        add(name, signature, run, 0) { _, socket, event in try handler(socket, event) }
    }

    /// Every event of the namespace that no plugin declares by name.
    @discardableResult
    public func onUnknown(_ handler: @escaping (P) -> (Socket, borrowing Event) throws -> Void) -> Self {
        on("", handler)
    }

    /// Every event of the namespace, in addition to its handler. The hook cannot answer: ``Event/wantsAck`` is false.
    @discardableResult
    public func onAny(_ handler: @escaping (P) -> (Socket, borrowing Event) throws -> Void) -> Self {
        add("", "", nil, JF_EVENT_OBSERVE) { plugin, socket, event in
            if let plugin = plugin as? P { try handler(plugin)(socket, event) }
        }
    }

    // MARK: Joining and leaving

    /// Adds a hook that may refuse a client before it joins. If it returns, the next hook is called. If it throws a
    /// ``Refusal``, the client gets CONNECT_ERROR with its message and data; any other error refuses with a general
    /// message, and is logged.
    @discardableResult
    public func use(_ hook: @escaping (P) -> (Attempt) throws -> Void) -> Self {
        hooks.admit.append { plugin, attempt in
            if let plugin = plugin as? P { try hook(plugin)(attempt) }
            return nil
        }
        return self
    }

    /// As `use` above, for a closure that needs no instance: `namespace.use { attempt in throw Refusal("closed") }`.
    @discardableResult
    public func use(_ hook: @escaping (Attempt) throws -> Void) -> Self {
        hooks.admit.append { _, attempt in
            try hook(attempt)
            return nil
        }
        return self
    }

    /// As `use` above, for a decision that takes time. The hook does not run on the strand; it runs after all hooks on
    /// the strand have accepted the client. After the host's `connectTimeout` the client is refused.
    @discardableResult
    public func use(later hook: @escaping @Sendable (Attempt) async throws -> Void) -> Self {
        hooks.admitLater.append { attempt in
            try await hook(attempt)
            return nil
        }
        return self
    }

    /// Adds a hook that authenticates the client: it returns the user, claims and data with which the client joins. It
    /// runs like a hook of `use`; the admission of a later hook replaces that of an earlier one. The host has verified
    /// the client's token before; with `auth: false` this hook is the only check.
    @discardableResult
    public func authenticate(_ hook: @escaping (P) -> (Attempt) throws -> Admission) -> Self {
        hooks.admit.append { plugin, attempt in
            guard let plugin = plugin as? P else { throw Refusal("internal error") }
            return try hook(plugin)(attempt)
        }
        return self
    }

    /// As `authenticate` above, for a closure that needs no instance.
    @discardableResult
    public func authenticate(_ hook: @escaping (Attempt) throws -> Admission) -> Self {
        hooks.admit.append { _, attempt in try hook(attempt) }
        return self
    }

    /// As `authenticate` above, for a decision that takes time; it runs like ``use(later:)``.
    @discardableResult
    public func authenticate(later hook: @escaping @Sendable (Attempt) async throws -> Admission) -> Self {
        hooks.admitLater.append(hook)
        return self
    }

    /// A socket has joined the namespace.
    @discardableResult
    public func connected(_ hook: @escaping (P) -> (Socket, Connection) throws -> Void) -> Self {
        hooks.connected.append { plugin, socket, connection in
            if let plugin = plugin as? P { try hook(plugin)(socket, connection) }
        }
        return self
    }

    /// A socket has joined the namespace.
    @discardableResult
    public func connected(_ hook: @escaping (Socket, Connection) throws -> Void) -> Self {
        hooks.connected.append { _, socket, connection in try hook(socket, connection) }
        return self
    }

    /// A socket is leaving the namespace; ``Disconnection/rooms`` has its rooms.
    @discardableResult
    public func disconnecting(_ hook: @escaping (P) -> (Socket, Disconnection) throws -> Void) -> Self {
        hooks.disconnecting.append { plugin, socket, disconnection in
            if let plugin = plugin as? P { try hook(plugin)(socket, disconnection) }
        }
        return self
    }

    /// A socket has left the namespace.
    @discardableResult
    public func disconnected(_ hook: @escaping (P) -> (Socket, Disconnection) throws -> Void) -> Self {
        hooks.disconnected.append { plugin, socket, disconnection in
            if let plugin = plugin as? P { try hook(plugin)(socket, disconnection) }
        }
        return self
    }

    func add(
        _ name: String, _ signature: String, _ run: Run?, _ flags: UInt32, _ body: @escaping EventDeclaration.Body
    ) -> Self {
        all.events.append(
            EventDeclaration(
                namespaces: [hooks.name], name: name, signature: signature, run: run, flags: flags, body: body))
        return self
    }
}

/// An event that the plugin handles, and the C function that all of them share.
final class EventDeclaration {
    typealias Body = (any Plugin, Socket, borrowing Event) throws -> Void

    private let namespaces: [String]
    private let name: String
    /// Empty: any arguments.
    private let signature: String
    private let run: Run?
    private let flags: UInt32
    private let body: Body

    init(
        namespaces: [String], name: String, signature: String, run: Run?, flags: UInt32, body: @escaping Body
    ) {
        self.namespaces = namespaces
        self.name = name
        self.signature = signature
        self.run = run
        self.flags = flags
        self.body = body
    }

    /// Retained for ever, because the host may call the handler for the life of the process.
    var declaration: jf_event_decl {
        let nsps = Boundary.immortal(namespaces.map { jf_text.immortal($0) })
        return jf_event_decl(
            nsp: jf_text(), name: .immortal(name), handler: Self.handler, run: run?.code ?? JF_RUN_STRAND, flags: flags,
            run_key: .immortal(run?.key ?? ""), context: Unmanaged.passRetained(self).toOpaque(), nsps: nsps.items,
            nsp_count: nsps.count, reserved: 0, signature: .immortal(signature))
    }

    private static let handler: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_event>?) -> Void = {
        instance, event in
        guard let event, let context = event.pointee.context, let instance = Instance.of(instance) else { return }
        Unmanaged<EventDeclaration>.fromOpaque(context).takeUnretainedValue().handle(event, instance)
    }

    private func handle(_ raw: UnsafePointer<jf_event>, _ instance: Instance) {
        var kept: Reply?
        withUnsafeMutablePointer(to: &kept) { kept in
            let event = Event(raw: raw, host: instance.host, kept: kept)
            do {
                try body(instance.plugin, event.socket, event)
            } catch {
                let problem = Problem(telling: error)
                if problem.isInternal { instance.host.log.error("event '\(event.name)': \(error)") }
                if let reply = kept.pointee { reply.fail(problem) } else { event.fail(problem) }
            }
        }
    }
}
