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

    private func namespace(_ name: String, isPattern: Bool) -> NamespaceDeclaration<P> {
        if let known = all.namespaces.first(where: { $0.name == name && $0.isPattern == isPattern }) {
            return NamespaceDeclaration(hooks: known, all: all)
        }
        let hooks = NamespaceHooks(name: name, isPattern: isPattern)
        all.namespaces.append(hooks)
        return NamespaceDeclaration(hooks: hooks, all: all)
    }
}
