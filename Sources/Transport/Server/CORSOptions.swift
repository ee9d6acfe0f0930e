/// Which origins may read answers, by the rules (and the names) of the `cors` package the reference uses.
public struct CORSOptions: Sendable, Equatable {
    /// Whom `Access-Control-Allow-Origin` names.
    public enum Origin: Sendable, Equatable {
        /// `*`: everybody, without credentials as far as browsers go.
        case any
        /// `true`: whoever asks.
        case reflect
        /// A string: always this one, whoever asks.
        case one(String)
        /// A list: whoever asks and is in it.
        case list([String])
    }

    public var origin: Origin
    /// Sends `Access-Control-Allow-Credentials: true`.
    public var credentials = false
    public var methods = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
    /// nil: a preflight's wish is granted as it is.
    public var allowedHeaders: [String]?
    public var exposedHeaders: [String] = []
    /// How long a browser may remember a preflight's answer; seconds.
    public var maxAge: Int?

    public init(origin: Origin) {
        self.origin = origin
    }

    /// Whether a WebSocket from `origin` is let in. Browsers apply no CORS to WebSockets, so the server has to ask itself: the same list counts, and the
    /// server's own origin (`host`: the request's Host header) always. Clients that are no browsers send none.
    func admits(origin: String?, host: String?) -> Bool {
        guard let origin else { return true }
        if let host, origin.lowercased() == "http://\(host.lowercased())" || origin.lowercased() == "https://\(host.lowercased())" { return true }
        switch self.origin {
        case .any, .reflect: return true
        case .one(let allowed): return origin == allowed
        case .list(let allowed): return allowed.contains(origin)
        }
    }

    /// Whether answers name the same origin, whoever asks.
    var isFixed: Bool {
        switch origin {
        case .any, .one: true
        case .reflect, .list: false
        }
    }

    /// The headers of every answer.
    func headers(for origin: String?) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        switch self.origin {
        case .any:
            headers.append(("Access-Control-Allow-Origin", "*"))
        case .one(let allowed):
            headers.append(("Access-Control-Allow-Origin", allowed))
            headers.append(("Vary", "Origin"))
        case .reflect:
            if let origin { headers.append(("Access-Control-Allow-Origin", origin)) }
            headers.append(("Vary", "Origin"))
        case .list(let allowed):
            if let origin, allowed.contains(origin) { headers.append(("Access-Control-Allow-Origin", origin)) }
            headers.append(("Vary", "Origin"))
        }
        if credentials { headers.append(("Access-Control-Allow-Credentials", "true")) }
        if !exposedHeaders.isEmpty { headers.append(("Access-Control-Expose-Headers", exposedHeaders.joined(separator: ","))) }
        return headers
    }

    /// The headers of the answer to a preflight that asks for `requestedHeaders`.
    func preflightHeaders(for origin: String?, requestedHeaders: String?) -> [(name: String, value: String)] {
        var headers = headers(for: origin)
        headers.append(("Access-Control-Allow-Methods", methods.joined(separator: ",")))
        if let allowedHeaders {
            headers.append(("Access-Control-Allow-Headers", allowedHeaders.joined(separator: ",")))
        } else {
            if let index = headers.firstIndex(where: { $0.name == "Vary" }) {
                headers[index].value += ", Access-Control-Request-Headers"
            } else {
                headers.append(("Vary", "Access-Control-Request-Headers"))
            }
            if let requestedHeaders { headers.append(("Access-Control-Allow-Headers", requestedHeaders)) }
        }
        if let maxAge { headers.append(("Access-Control-Max-Age", String(maxAge))) }
        return headers
    }
}
