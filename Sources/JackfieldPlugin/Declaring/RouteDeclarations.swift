/// HTTP routes: `io.http.get("/v1/things/{id}", Things.get)`. A `{name}` matches one segment of the path.
public struct RouteDeclarations<P: Plugin> {
    let all: DeclaredParts

    /// Which requests reach the handler.
    public enum Auth: UInt32, Sendable {
        /// Requests with a valid token; others get 401.
        case required = 0
        /// Requests without a token or with a valid one; an invalid one gets 401.
        case optional = 1
        /// All requests; the Authorization header is ignored.
        case none = 2
    }

    public func get(
        _ path: String, auth: Auth = .required, scope: String = "",
        _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) { on("GET", path, auth: auth, scope: scope, handler) }

    public func post(
        _ path: String, auth: Auth = .required, scope: String = "",
        _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) { on("POST", path, auth: auth, scope: scope, handler) }

    public func put(
        _ path: String, auth: Auth = .required, scope: String = "",
        _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) { on("PUT", path, auth: auth, scope: scope, handler) }

    public func delete(
        _ path: String, auth: Auth = .required, scope: String = "",
        _ handler: @escaping (P) -> (borrowing Request) throws -> Response
    ) { on("DELETE", path, auth: auth, scope: scope, handler) }

    /// A route, handled on the strand. `scope`: a scope that the token must grant, else 403; empty: none.
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
            RouteDeclaration(method: method, path: path, auth: auth.rawValue, scope: scope, run: run) {
                plugin, request in
                guard let plugin = plugin as? P else { throw Problem(500, "internal", "not this plugin's route") }
                return try handler(plugin, request)
            })
    }
}

/// An HTTP route, and the C function that all of them share.
final class RouteDeclaration {
    typealias Body = (any Plugin, borrowing Request) throws -> Response

    private let method: String
    private let path: String
    private let auth: UInt32
    private let scope: String
    private let run: Run?
    private let body: Body

    init(method: String, path: String, auth: UInt32, scope: String, run: Run?, body: @escaping Body) {
        self.method = method
        self.path = path
        self.auth = auth
        self.scope = scope
        self.run = run
        self.body = body
    }

    var declaration: jf_route_decl {
        jf_route_decl(
            method: .immortal(method), path: .immortal(path), handler: Self.handler, run: run?.code ?? JF_RUN_STRAND,
            auth: auth,
            scope: .immortal(scope), run_key: .immortal(run?.key ?? ""),
            context: Unmanaged.passRetained(self).toOpaque())
    }

    private static let handler: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_request>?) -> Void = {
        instance, request in
        guard let request, let context = request.pointee.context, let instance = Instance.of(instance) else { return }
        Unmanaged<RouteDeclaration>.fromOpaque(context).takeUnretainedValue().handle(request, instance)
    }

    private func handle(_ raw: UnsafePointer<jf_request>, _ instance: Instance) {
        var kept: HTTPReply?
        withUnsafeMutablePointer(to: &kept) { kept in
            let request = Request(raw: raw, host: instance.host, kept: kept)
            do {
                try instance.host.respond(answer(request, instance, kept), to: raw.pointee.reply)
            } catch {
                instance.host.log.error("\(request.method) \(request.path): \(error)")
            }
        }
    }

    private func answer(
        _ request: borrowing Request, _ instance: Instance, _ kept: UnsafeMutablePointer<HTTPReply?>
    ) -> Response {
        do {
            return try body(instance.plugin, request)
        } catch {
            let problem = Problem(telling: error)
            if problem.isInternal { instance.host.log.error("\(request.method) \(request.path): \(error)") }
            guard let reply = kept.pointee else { return .problem(problem) }
            reply.send(.problem(problem))
            return .later
        }
    }
}
