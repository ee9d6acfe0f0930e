/// The routes in force at one moment. Immutable.
struct RouteTable: Sendable {
    /// By the number of segments; within one number the most specific path first, then in the order of registration.
    private var byLength: [Int: [HTTPRoute]] = [:]

    enum Match {
        case route(HTTPRoute, parameters: [(name: String, value: String)])
        /// The path exists, the method does not: those that do.
        case wrongMethod(allowed: [String])
        case nothing
    }

    func match(_ method: String, _ path: String) -> Match {
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var allowed: [String] = []
        var bodiless: (HTTPRoute, [(name: String, value: String)])?
        for route in byLength[parts.count] ?? [] {
            guard let parameters = route.path.match(parts) else { continue }
            if route.method == method { return .route(route, parameters: parameters) }
            // Whoever answers GET answers HEAD; the transport leaves the body out.
            if route.method == "GET", bodiless == nil { bodiless = (route, parameters) }
            if !allowed.contains(route.method) { allowed.append(route.method) }
        }
        if method == "HEAD", let (route, parameters) = bodiless { return .route(route, parameters: parameters) }
        guard !allowed.isEmpty else { return .nothing }
        if allowed.contains("GET"), !allowed.contains("HEAD") { allowed.append("HEAD") }
        return .wrongMethod(allowed: allowed.sorted())
    }

    /// Who answers exactly this.
    func owner(of method: String, _ path: RoutePath) -> String? {
        byLength[path.segments.count]?.first { $0.method == method && $0.path.isSameShape(as: path) }?.owner
    }

    mutating func add(_ routes: [HTTPRoute]) {
        for route in routes {
            var list = byLength[route.path.segments.count] ?? []
            let place = list.firstIndex { route.path.isMoreSpecific(than: $0.path) } ?? list.endIndex
            list.insert(route, at: place)
            byLength[route.path.segments.count] = list
        }
    }

    mutating func remove(_ plugin: Plugin) {
        byLength = byLength.mapValues { list in
            list.filter { if case .plugin(let owner, _) = $0.target { owner !== plugin } else { true } }
        }
    }
}
