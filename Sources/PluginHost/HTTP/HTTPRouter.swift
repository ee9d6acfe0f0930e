import CJackfield
import Support
import Synchronization
import Transport

/// From a request to whoever declared its route: a plugin, or the daemon itself.
public final class HTTPRouter: HTTPApplication {
    /// Answers a request of the daemon's own, on the loop; must not block.
    public typealias BuiltinHandler = @Sendable (RoutedRequest, HTTPResponder) -> Void

    private let gate: any HTTPGate
    private let table = Mutex(RouteTable())

    init(gate: any HTTPGate) {
        self.gate = gate
    }

    /// Has requests answered by the daemon itself. Register before plugins are loaded: who comes first owns the route.
    ///
    /// - Parameter path: such as `/v1/presence/{user}`.
    /// - Throws: ``RoutePath/Malformed``.
    public func register(
        _ method: ByteString, _ path: String, access: RouteAccess = .everybody, handler: @escaping BuiltinHandler
    ) throws(RoutePath.Malformed) {
        let route = HTTPRoute(method, try RoutePath(path), access, handler: handler)
        table.withLock { $0.add([route]) }
    }

    public func respond(to request: HTTPRequest, through responder: HTTPResponder) {
        switch table.withLock({ $0 }).match(request) {
        case .nothing:
            HTTPProblem.respond(404, code: "not_found", detail: "nothing is served at \(request.path)", through: responder)
        case .wrongMethod(let allowed):
            let list = allowed.map(\.text).joined(separator: ", ")
            HTTPProblem.respond(
                405, code: "method_not_allowed", detail: "\(request.path) takes \(list)", headers: [("Allow", list)], through: responder)
        case .route(let route):
            switch route.access.token == .ignored ? .accept(ClientIdentity()) : gate.decide(request, route.access) {
            case .accept(let identity):
                let routed = RoutedRequest(request: request, path: route.path, identity: identity)
                switch route.target {
                case .builtin(let handler): handler(routed, responder)
                case .plugin(let plugin, let declaration): PluginRequest(routed, declaration, of: plugin).handOver(PluginReply(responder: responder))
                }
            case .refuse(let status, let code, let detail):
                let headers = status == 401 ? [("WWW-Authenticate", "Bearer")] : []
                HTTPProblem.respond(status, code: code, detail: detail, headers: headers, through: responder)
            }
        }
    }

    // MARK: Plugins come and go

    func owner(of method: ByteString, _ path: RoutePath) -> String? { table.withLock { $0.owner(of: method, path) } }
    func add(_ routes: [HTTPRoute]) { table.withLock { $0.add(routes) } }
    func remove(_ plugin: Plugin) { table.withLock { $0.remove(plugin) } }
}
