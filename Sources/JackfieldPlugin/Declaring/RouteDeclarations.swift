/// HTTP routes: `io.http.get("/v1/things/{id}", Things.get)`. A `{name}` matches one segment of the path.
public struct RouteDeclarations<P: Plugin> {
    let all: DeclaredParts

    /// Which requests come through.
    public enum Auth: UInt32, Sendable {
        /// A valid token, else 401.
        case required = 0
        /// None, or a valid one; a wrong one is 401.
        case optional = 1
        /// The Authorization header is not looked at.
        case none = 2
    }

    public func get(
        _ path: String, auth: Auth = .required, scope: String = "", _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) { on("GET", path, auth: auth, scope: scope, handler) }

    public func post(
        _ path: String, auth: Auth = .required, scope: String = "", _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) { on("POST", path, auth: auth, scope: scope, handler) }

    public func put(
        _ path: String, auth: Auth = .required, scope: String = "", _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) { on("PUT", path, auth: auth, scope: scope, handler) }

    public func delete(
        _ path: String, auth: Auth = .required, scope: String = "", _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) { on("DELETE", path, auth: auth, scope: scope, handler) }

    /// A route, handled on the strand. `scope`: what the token must grant, else 403.
    public func on(
        _ method: String, _ path: String, auth: Auth = .required, scope: String = "",
        _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) {
        add(method, path, auth, scope, nil) { plugin, request in try handler(plugin)(request) }
    }

    /// A route, handled on the strand, by a closure that needs no instance.
    public func on(
        _ method: String, _ path: String, auth: Auth = .required, scope: String = "",
        _ handler: @escaping (borrowing Request) throws -> Response
    ) {
        add(method, path, auth, scope, nil) { _, request in try handler(request) }
    }

    /// A route, handled elsewhere than on the strand.
    public func on(
        _ method: String, _ path: String, auth: Auth = .required, scope: String = "", run: Run,
        _ handler: @escaping @Sendable (P) -> (borrowing Request) throws -> Response
    ) where P: Sendable {
        add(method, path, auth, scope, run) { plugin, request in try handler(plugin)(request) }
    }

    private func add(
        _ method: String, _ path: String, _ auth: Auth, _ scope: String, _ run: Run?,
        _ handler: @escaping (P, borrowing Request) throws -> Response
    ) {
        all.routes.append(
            RouteDeclaration(method: method, path: path, auth: auth.rawValue, scope: scope, run: run) { plugin, request in
                guard let plugin = plugin as? P else { throw Problem(500, "internal", "not this plugin's route") }
                return try handler(plugin, request)
            })
    }
}
