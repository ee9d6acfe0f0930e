/// The declarations of a plugin. A handler is a method of the plugin (`io.on("hello", Greeter.hello)`) or, if it needs
/// no instance, a closure (`io.on("ping") { socket, event in … }`).
public final class Declarations<P: Plugin> {
    let all = DeclaredParts()

    /// HTTP routes.
    public let http: RouteDeclarations<P>

    init() { http = RouteDeclarations(all: all) }

    /// Declares a namespace, so that clients can join it: `io.of("/chat").on("message", Chat.message)`.
    public func of(_ name: String) -> NamespaceDeclaration<P> { namespace(name, isPattern: false) }

    /// Declares all namespaces whose name matches a POSIX extended regular expression: `io.of(pattern:
    /// "^/dyn-[0-9]+$")`.
    public func of(pattern: String) -> NamespaceDeclaration<P> { namespace(pattern, isPattern: true) }

    /// The namespace `/`.
    public var root: NamespaceDeclaration<P> { of("/") }

    /// An event of `/`, handled on the strand.
    ///
    /// - Parameter signature: the types of the arguments and of the ack, such as `(room: string) -> json`
    ///   (`docs/signatures.md`). Other arguments do not reach the handler. Empty: any arguments.
    public func on(
        _ name: String, signature: String = "", _ handler: @escaping (P) -> (Socket, borrowing Event) throws -> Void
    ) {
        root.on(name, signature: signature, handler)
    }

    /// An event of `/`, handled on the strand.
    public func on(
        _ name: String, signature: String = "", _ handler: @escaping (Socket, borrowing Event) throws -> Void
    ) {
        root.on(name, signature: signature, handler)
    }

    /// An event of `/`, handled elsewhere than on the strand.
    public func on(
        _ name: String, signature: String = "", run: Run,
        _ handler: @escaping @Sendable (P) -> (Socket, borrowing Event) throws -> Void
    ) where P: Sendable {
        root.on(name, signature: signature, run: run, handler)
    }

    /// An event of `/`, handled elsewhere than on the strand.
    public func on(
        _ name: String, signature: String = "", run: Run,
        _ handler: @escaping @Sendable (Socket, borrowing Event) throws -> Void
    ) {
        root.on(name, signature: signature, run: run, handler)
    }

    /// A timer that fires repeatedly from start to stop; `interval` is at least 10 ms. A firing that is due while the
    /// one before is still queued or running is skipped.
    public func every(_ interval: Duration, _ handler: @escaping (P) -> () throws -> Void) {
        all.timers.append(
            TimerDeclaration(interval: interval) { plugin in
                guard let plugin = plugin as? P else { return }
                try handler(plugin)()
            })
    }

    /// Adds a hook that may refuse a request for a new session, on either transport, as `allowRequest` of the reference
    /// server. If it returns, the next hook is called. If it throws a ``Refusal``, the client gets
    /// `{"code":4,"message":…}`; any other error refuses with a general message, and is logged.
    ///
    /// The hook runs on the event loops, on several at once: it must not block, neither for a lock nor for a file, and
    /// gets no instance. To decide by user which client may *join*, use `use` of a ``NamespaceDeclaration``.
    ///
    /// ```swift
    /// io.allowRequest { request in
    ///     if request.header("X-App-Version") == "1" { throw Refusal("this version is too old, update the app") }
    /// }
    /// ```
    public func allowRequest(_ hook: @escaping @Sendable (borrowing SessionRequest) throws -> Void) {
        all.handshakeHooks.append(hook)
    }

    private func namespace(_ name: String, isPattern: Bool) -> NamespaceDeclaration<P> {
        if let known = all.namespaces.first(where: { $0.name == name && $0.isPattern == isPattern }) {
            return NamespaceDeclaration(hooks: known, all: all)
        }
        let hooks = NamespaceHooks(name: name, isPattern: isPattern)
        all.namespaces.append(hooks)
        return NamespaceDeclaration(hooks: hooks, all: all)
    }
}

/// The declarations so far, without the plugin's type.
final class DeclaredParts {
    var events: [EventDeclaration] = []
    var namespaces: [NamespaceHooks] = []
    var routes: [RouteDeclaration] = []
    var timers: [TimerDeclaration] = []
    var handshakeHooks: [HandshakeHook] = []
    var emits: [EmittedEvent] = []
    var services: [ProvidedService] = []
    var functions: [FunctionDeclaration] = []

    /// Why the plugin cannot be loaded, one sentence each.
    var problems: [String] = []

    /// Called on the event loops, on several at once.
    typealias HandshakeHook = @Sendable (borrowing SessionRequest) throws -> Void
}

/// A repeating timer of the plugin.
final class TimerDeclaration {
    private let interval: Duration
    private let body: (any Plugin) throws -> Void

    init(interval: Duration, body: @escaping (any Plugin) throws -> Void) {
        self.interval = interval
        self.body = body
    }

    var declaration: jf_timer_decl {
        jf_timer_decl(
            handler: Self.handler, context: Unmanaged.passRetained(self).toOpaque(), interval: interval.milliseconds)
    }

    private static let handler: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = {
        instance, context in
        guard let context, let instance = Instance.of(instance) else { return }
        do {
            try Unmanaged<TimerDeclaration>.fromOpaque(context).takeUnretainedValue().body(instance.plugin)
        } catch {
            instance.host.log.error("timer: \(error)")
        }
    }
}

/// Where a handler runs that does not run on the strand. The handler and the plugin must be `Sendable`.
public enum Run: Sendable, Equatable {
    /// In order, one at a time for each user (anonymous: each connection); several users at once.
    case byUser
    /// In order, one at a time for each value at a JSON pointer into the arguments, such as `/0/room`; for a route, for
    /// each value of the named path parameter.
    case byKey(String)
    /// Several at once, in no order.
    case parallel
    /// On the event loop. The handler must not block, neither for a lock nor for a file, and should return within 50
    /// microseconds: while it runs, every other socket of that loop waits.
    case inline

    var code: UInt32 {
        switch self {
        case .byUser: JF_RUN_BY_USER
        case .byKey: JF_RUN_BY_KEY
        case .parallel: JF_RUN_PARALLEL
        case .inline: JF_RUN_INLINE
        }
    }

    var key: String {
        if case .byKey(let key) = self { key } else { "" }
    }
}
