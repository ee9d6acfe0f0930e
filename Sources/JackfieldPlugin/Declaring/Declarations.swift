/// What a plugin handles. A handler is a method of the plugin (`io.on("hello", Greeter.hello)`) or, when it needs no instance,
/// a closure (`io.on("ping") { socket, event in … }`).
public final class Declarations<P: Plugin> {
    let all = DeclaredParts()

    /// HTTP routes.
    public let http: RouteDeclarations<P>

    init() { http = RouteDeclarations(all: all) }

    /// A namespace, which exists from now on: `io.of("/chat").on("message", Chat.message)`.
    public func of(_ name: String) -> NamespaceDeclaration<P> { namespace(name, isPattern: false) }

    /// All namespaces whose name matches a POSIX extended regular expression: `io.of(pattern: "^/dyn-[0-9]+$")`.
    public func of(pattern: String) -> NamespaceDeclaration<P> { namespace(pattern, isPattern: true) }

    /// The namespace `/`.
    public var root: NamespaceDeclaration<P> { of("/") }

    /// An event of `/`, handled on the strand.
    public func on(_ name: String, _ handler: @escaping (P) -> (Socket, borrowing Event) throws -> Void) {
        root.on(name, handler)
    }

    /// An event of `/`, handled on the strand.
    public func on(_ name: String, _ handler: @escaping (Socket, borrowing Event) throws -> Void) {
        root.on(name, handler)
    }

    /// An event of `/`, handled elsewhere than on the strand.
    public func on(
        _ name: String, run: Run, _ handler: @escaping @Sendable (P) -> (Socket, borrowing Event) throws -> Void
    ) where P: Sendable {
        root.on(name, run: run, handler)
    }

    /// An event of `/`, handled elsewhere than on the strand.
    public func on(_ name: String, run: Run, _ handler: @escaping @Sendable (Socket, borrowing Event) throws -> Void) {
        root.on(name, run: run, handler)
    }

    /// A timer for as long as the plugin lives, 10 ms or more. Late firings are not made up for.
    public func every(_ interval: Duration, _ handler: @escaping (P) -> () throws -> Void) {
        all.timers.append(
            TimerDeclaration(interval: interval) { plugin in
                guard let plugin = plugin as? P else { return }
                try handler(plugin)()
            })
    }

    /// Asked before a request opens a session, on either transport, as the reference server's `allowRequest` is. Return: it may, as far
    /// as you are concerned. Throw a ``Refusal``: the client reads `{"code":4,"message":…}`. Another error refuses with a general
    /// message, and is logged. Several hooks run in order.
    ///
    /// Runs on the event loops, on several at once: it must not block, not for a lock or a file, and has no instance. Who may *join* is
    /// better asked in `use` of a ``NamespaceDeclaration``, which knows the user.
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
