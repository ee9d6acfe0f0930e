import CJackfield
import RawJSON
import Support
import Synchronization
import Transport

/// Routes HTTP requests to the plugin or to the daemon's handler that declared the route.
public final class HTTPRouter: HTTPApplication {
    /// Answers a request to one of the daemon's routes, on the loop; must not block.
    public typealias BuiltinHandler = @Sendable (RoutedRequest, HTTPResponder) -> Void

    /// Bytes of a path that an answer repeats.
    private static let longestPath = 256

    private let authenticator: any HTTPAuthenticator
    /// The routes in force. Changed under the lock; each loop reads its own copy.
    let table = Mutex(RouteTable())
    /// Number of changes of ``table``, incremented under its lock. A loop whose copy has another number copies again.
    private let version = Atomic<Int>(0)

    /// Whether plugins are still loading. A request without a route may then belong to one of them, and gets 503.
    let isIncomplete = Atomic<Bool>(false)

    init(authenticator: any HTTPAuthenticator) {
        self.authenticator = authenticator
    }

    /// Registers a route of the daemon. Call it before plugins are loaded: the first one to register owns the route.
    ///
    /// - Parameter path: such as `/v1/presence/{user}`.
    /// - Throws: ``RoutePath/Malformed``.
    public func register(
        _ method: ByteString, _ path: String, access: RouteAccess = .everybody, handler: @escaping BuiltinHandler
    ) throws(RoutePath.Malformed) {
        let route = HTTPRoute(method, try RoutePath(path), access, handler: handler)
        change { $0.add([route]) }
    }

    /// Adds a hint to the 404 response for `path`.
    public func addHint(_ hint: String, at path: ByteString) {
        change { $0.hints[path] = hint }
    }

    public func refuseBody(largerThan limit: Int, through responder: HTTPResponder) {
        HTTPProblem.respond(
            413, code: "too_large", detail: "the body has more than the \(limit) bytes allowed", through: responder)
    }

    public func decide(_ request: HTTPRequest, through responder: HTTPResponder) -> HTTPDecision {
        switch match(request) {
        case .nothing where isIncomplete.load(ordering: .relaxed):
            HTTPProblem.respond(
                503, code: "unavailable", detail: "plugins are loading; try again", headers: [("Retry-After", "1")],
                through: responder)
        case .nothing(let hint):
            let path = request.path.cut(to: Self.longestPath)
            let detail = "nothing is served at \(path)\(hint.map { ": \($0)" } ?? "")"
            HTTPProblem.respond(404, code: "not_found", detail: detail, through: responder)
        case .wrongMethod(let allowed):
            let list = allowed.map(\.text).joined(separator: ", ")
            HTTPProblem.respond(
                405, code: "method_not_allowed", detail: "\(request.path) takes \(list)", headers: [("Allow", list)],
                through: responder)
        case .route(let route):
            switch route.access.token == .ignored
                ? .accept(ClientIdentity()) : authenticator.authenticate(request, route.access)
            {
            case .accept(let identity):
                let routed = RoutedRequest(request: request, path: route.path, identity: identity)
                let isKnown = identity.user != nil
                switch route.target {
                case .builtin(let handler): return .body(BuiltinRequest(routed, handler), isKnown: isKnown)
                case .plugin(let plugin, let declaration):
                    return .body(PluginRequest(routed, declaration, of: plugin, route: route), isKnown: isKnown)
                }
            case .refuse(let status, let code, let detail):
                let headers = status == 401 ? [("WWW-Authenticate", "Bearer")] : []
                HTTPProblem.respond(status, code: code, detail: detail, headers: headers, through: responder)
            }
        }
        return .answered
    }

    /// Finds the route. On an event loop without a lock, unless the routes have changed since the loop's last request.
    private func match(_ request: HTTPRequest) -> RouteTable.Match {
        guard let loop = ThreadState.current?.loop else { return table.withLock { $0 }.match(request) }
        let current = version.load(ordering: .acquiring)
        // The copy may be newer than `current`; the next request then copies again.
        if loop.routesVersion != current {
            loop.routes = table.withLock { $0 }
            loop.routesVersion = current
        }
        return loop.routes.match(request)
    }

    private func change(_ body: (inout RouteTable) -> Void) {
        table.withLock { table in
            body(&table)
            version.wrappingAdd(1, ordering: .releasing)
        }
    }

    // MARK: Routes of plugins

    /// Whether a route has exactly this method and path, such as `/v1/rooms/{id}`.
    public func serves(_ method: ByteString, _ path: String) -> Bool {
        (try? RoutePath(path)).map { !routes(method, $0).isEmpty } ?? false
    }

    /// The name of the owner of a route that belongs to no plugin; `nil` if there is none.
    func builtinOwner(of method: ByteString, _ path: RoutePath) -> String? {
        routes(method, path).first { if case .builtin = $0.target { true } else { false } }?.owner
    }

    private func routes(_ method: ByteString, _ path: RoutePath) -> [HTTPRoute] {
        table.withLock { $0.routes(method, path) }
    }

    func add(_ routes: [HTTPRoute]) { change { $0.add(routes) } }
    func remove(_ plugin: LoadedPlugin) { change { $0.remove(plugin) } }
    /// Replaces the routes of `plugin` at once, so that no request finds neither.
    func replace(_ plugin: LoadedPlugin, by routes: [HTTPRoute]) {
        change { table in
            table.remove(plugin)
            table.add(routes)
        }
    }
}

/// A request with its route and the identity from its token.
public struct RoutedRequest: Sendable {
    public internal(set) var request: HTTPRequest
    /// The path of the route that matched.
    let path: RoutePath
    public let identity: ClientIdentity

    /// The parameters of the path, percent-decoded, in order. Computed on each call.
    public var parameters: [(name: ByteString, value: ByteString)] {
        request.withBytes { bytes in
            var parameters: [(name: ByteString, value: ByteString)] = []
            path.forEachParameter(of: bytes.path) { name, value in
                parameters.append((ByteString(decoding: name), PercentEncoding.text(value, .path) ?? ""))
            }
            return parameters
        }
    }

    /// The path parameter with this name.
    public subscript(name: ByteString) -> ByteString? { parameters.first { $0.name == name }?.value }

    /// The query's parameters, decoded, in order. Computed on each call.
    public var query: [(name: ByteString, value: ByteString)] {
        request.withBytes { QueryParts($0.query).decoded }
    }
}

/// Receives a request for the daemon's own handler.
final class BuiltinRequest: HTTPRequestReceiver {
    private var routed: RoutedRequest
    private let handler: HTTPRouter.BuiltinHandler

    init(_ routed: RoutedRequest, _ handler: @escaping HTTPRouter.BuiltinHandler) {
        self.routed = routed
        self.handler = handler
    }

    func respond(to request: HTTPRequest, through responder: HTTPResponder) {
        routed.request = request
        handler(routed, responder)
    }
}

/// The host's error responses over HTTP: `application/problem+json`, RFC 9457.
public enum HTTPProblem {
    /// `{"type":"about:blank","title":…,"status":…,"code":…,"detail":…}`.
    public static func body(_ status: Int, code: String, detail: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.text("about:blank", key: "type")
        json.text(HTTPReason.phrase(status), key: "title")
        json.integer(Int64(status), key: "status")
        json.text(code, key: "code")
        json.text(detail, key: "detail")
        json.endObject()
        return json.bytes
    }

    /// Answers with a problem.
    ///
    /// - Returns: `false` if the request was answered before, or the client has gone.
    @discardableResult
    public static func respond(
        _ status: Int, code: String, detail: String, headers: [(String, String)] = [], through responder: HTTPResponder
    ) -> Bool {
        responder.refuse(
            status: status, reason: code, detail: detail,
            headers: [("Content-Type", "application/problem+json")] + headers,
            body: body(status, code: code, detail: detail))
    }
}
