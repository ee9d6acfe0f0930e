import CJackfield
import Support
import Transport

/// The routes in force at one moment. Each loop has its own copy.
struct RouteTable: Sendable {
    /// Indexed by the number of segments; for each number the most specific path first, then in the order of
    /// registration.
    private var byLength: [[HTTPRoute]] = []

    /// Hints for the 404 response, by path.
    var hints: [ByteString: String] = [:]

    /// Bytes; no hint is looked up for a longer path.
    private static let longestHint = 256

    enum Match {
        case route(HTTPRoute)
        /// The path exists, but not for this method; `allowed` lists the methods.
        case wrongMethod(allowed: [ByteString])
        /// No route matches; `hint` is the path's hint, if there is one.
        case nothing(hint: String?)
    }

    func match(_ request: HTTPRequest) -> Match {
        request.withBytes { match(ByteString(request.method), $0.path) }
    }

    /// - Parameter path: the path in the URL, still encoded.
    func match(_ method: ByteString, _ path: UnsafeRawBufferPointer) -> Match {
        var allowed: [ByteString] = []
        var bodiless: HTTPRoute?
        for route in routes(PathSegments(path).count) where route.path.matches(path) {
            if route.method == method { return .route(route) }
            // A GET route also answers HEAD; the transport omits the body.
            if route.method == "GET", bodiless == nil { bodiless = route }
            if !allowed.contains(route.method) { allowed.append(route.method) }
        }
        if method == "HEAD", let bodiless { return .route(bodiless) }
        guard !allowed.isEmpty else {
            return .nothing(hint: ByteString(validating: path, limit: Self.longestHint).flatMap { hints[$0] })
        }
        if allowed.contains("GET"), !allowed.contains("HEAD") { allowed.append("HEAD") }
        return .wrongMethod(allowed: allowed.sorted())
    }

    /// The routes with exactly this method and path shape; more than one while a plugin takes over a route of another.
    func routes(_ method: ByteString, _ path: RoutePath) -> [HTTPRoute] {
        routes(path.segments.count).filter { $0.method == method && $0.path.isSameShape(as: path) }
    }

    private func routes(_ length: Int) -> [HTTPRoute] { length < byLength.count ? byLength[length] : [] }

    mutating func add(_ routes: [HTTPRoute]) {
        for route in routes {
            let length = route.path.segments.count
            while byLength.count <= length { byLength.append([]) }
            let place =
                byLength[length].firstIndex { route.path.isMoreSpecific(than: $0.path) } ?? byLength[length].endIndex
            byLength[length].insert(route, at: place)
        }
    }

    mutating func remove(_ plugin: LoadedPlugin) {
        byLength = byLength.map { list in
            list.filter { if case .plugin(let owner, _) = $0.target { owner !== plugin } else { true } }
        }
    }
}

/// One route in force. `@unchecked Sendable` as ``EventRoute``.
final class HTTPRoute: @unchecked Sendable {
    enum Target {
        case plugin(LoadedPlugin, RouteDescriptor)
        case builtin(HTTPRouter.BuiltinHandler)
    }

    let method: ByteString
    let path: RoutePath
    let access: RouteAccess
    let target: Target
    let callback: Callback
    /// Set if the handler runs inline.
    let meter: InlineMeter?
    /// Of a handler that runs on a strand.
    let timers: RouteTimers?

    init(_ declaration: RouteDescriptor, of plugin: LoadedPlugin) {
        method = declaration.method
        path = declaration.path
        access = declaration.access
        target = .plugin(plugin, declaration)
        callback = Callback(
            "the \(declaration.run == .inline ? "inline " : "")handler of \(declaration.method) \(declaration.path)")
        meter = declaration.run == .inline ? InlineMeter(callback, of: plugin) : nil
        timers =
            declaration.run == .inline ? nil : RouteTimers(plugin: plugin.name, method: method, path: path.description)
    }

    init(_ method: ByteString, _ path: RoutePath, _ access: RouteAccess, handler: @escaping HTTPRouter.BuiltinHandler) {
        self.method = method
        self.path = path
        self.access = access
        target = .builtin(handler)
        callback = .other
        meter = nil
        timers = nil
    }

    /// The owner's name in messages.
    var owner: String {
        switch target {
        case .plugin(let plugin, _): "plugin '\(plugin.name)'"
        case .builtin: "the host itself"
        }
    }
}

/// The condition for calling a route.
public struct RouteAccess: Sendable, Equatable {
    /// `JF_AUTH_*`.
    public enum TokenRequirement: Sendable, Equatable {
        /// A valid token is required, else 401.
        case required
        /// No token, or a valid one.
        case optional
        /// The Authorization header is ignored.
        case ignored
    }

    public var token: TokenRequirement
    /// A scope that the token must grant, else 403; `nil`: none.
    public var scope: ByteString?

    public init(_ token: TokenRequirement, scope: ByteString? = nil) {
        self.token = token
        self.scope = scope
    }

    /// Open to everybody.
    public static let everybody = RouteAccess(.ignored)
}
