/// Which origins may read responses, with the rules and option names of the `cors` package that the reference uses.
public struct CORSOptions: Sendable, Equatable {
    /// The value of `Access-Control-Allow-Origin`.
    public enum Origin: Sendable, Equatable {
        /// `*`: every origin. Browsers then send no credentials.
        case any
        /// `true`: the origin of the request.
        case reflect
        /// A string: always this origin.
        case one(String)
        /// A list: the origin of the request, if the list contains it.
        case list([String])
    }

    public var origin: Origin
    /// Sends `Access-Control-Allow-Credentials: true`.
    public var credentials = false
    public var methods = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
    /// nil: a preflight is allowed all the headers that it asks for.
    public var allowedHeaders: [String]?
    public var exposedHeaders: [String] = []
    /// How long a browser may cache a preflight's response; seconds.
    public var maxAge: Int?

    public init(origin: Origin) {
        self.origin = origin
    }

    /// Whether a WebSocket from `origin` is accepted. Browsers do not apply CORS to WebSockets, so the server checks
    /// the origin itself: it accepts the configured origins and always its own (`host`: the request's Host header).
    /// Clients other than browsers send no Origin (nil) and are accepted.
    func admits(origin: UnsafeRawBufferPointer?, host: UnsafeRawBufferPointer?) -> Bool {
        guard let origin else { return true }
        if let host, Self.isOwn(origin, host: host) { return true }
        switch self.origin {
        case .any, .reflect: return true
        case .one(let allowed): return Self.isSame(origin, allowed)
        case .list(let allowed): return allowed.contains { Self.isSame(origin, $0) }
        }
    }

    /// Whether `origin` belongs to the server that the client calls `host`. The scheme may be http or https, because
    /// only a proxy in front knows which one the client used. Either side may write or omit the default port of the
    /// origin's scheme.
    private static func isOwn(_ origin: UnsafeRawBufferPointer, host: UnsafeRawBufferPointer) -> Bool {
        isOrigin(origin, scheme: "http://", port: ":80", host: host)
            || isOrigin(origin, scheme: "https://", port: ":443", host: host)
    }

    private static func isOrigin(
        _ origin: UnsafeRawBufferPointer, scheme: StaticString, port: StaticString, host: UnsafeRawBufferPointer
    ) -> Bool {
        let start = scheme.utf8CodeUnitCount
        guard origin.count > start, origin.part(0..<start).isEqual(ignoringCase: scheme) else { return false }
        let (one, other) = (origin.part(start..<origin.count).without(suffix: port), host.without(suffix: port))
        return one.isEqual(ignoringCase: other)
    }

    private static func isSame(_ origin: UnsafeRawBufferPointer, _ allowed: String) -> Bool {
        origin.count == allowed.utf8.count && origin.elementsEqual(allowed.utf8)
    }

    /// Whether the CORS fields are the same for every request.
    var isFixed: Bool {
        switch origin {
        case .any, .one: true
        case .reflect, .list: false
        }
    }

    /// The CORS fields of a response to a request from `origin`.
    func fields(for origin: UnsafeRawBufferPointer?) -> HTTPFields {
        fields(for: origin, vary: "Origin")
    }

    private func fields(for origin: UnsafeRawBufferPointer?, vary: String) -> HTTPFields {
        var fields = HTTPFields()
        switch self.origin {
        case .any:
            fields.add("Access-Control-Allow-Origin", "*")
        case .one(let allowed):
            fields.add("Access-Control-Allow-Origin", allowed)
            fields.add("Vary", vary)
        case .reflect:
            if let origin { fields.add("Access-Control-Allow-Origin", origin) }
            fields.add("Vary", vary)
        case .list(let allowed):
            if let origin, allowed.contains(where: { Self.isSame(origin, $0) }) {
                fields.add("Access-Control-Allow-Origin", origin)
            }
            fields.add("Vary", vary)
        }
        if credentials { fields.add("Access-Control-Allow-Credentials", "true") }
        if !exposedHeaders.isEmpty {
            fields.add("Access-Control-Expose-Headers", exposedHeaders.joined(separator: ","))
        }
        return fields
    }

    /// The fields of the response to a preflight that asks for `requestedHeaders`.
    func preflightFields(for origin: UnsafeRawBufferPointer?, requestedHeaders: UnsafeRawBufferPointer?) -> HTTPFields {
        let reflects = allowedHeaders == nil
        var fields = fields(for: origin, vary: reflects ? "Origin, Access-Control-Request-Headers" : "Origin")
        fields.add("Access-Control-Allow-Methods", methods.joined(separator: ","))
        if let allowedHeaders {
            fields.add("Access-Control-Allow-Headers", allowedHeaders.joined(separator: ","))
        } else {
            if self.origin == .any { fields.add("Vary", "Access-Control-Request-Headers") }
            if let requestedHeaders { fields.add("Access-Control-Allow-Headers", requestedHeaders) }
        }
        if let maxAge { fields.add("Access-Control-Max-Age", String(maxAge)) }
        return fields
    }
}
