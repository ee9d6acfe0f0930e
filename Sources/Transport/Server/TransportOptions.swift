import EngineIO
import Support

/// How a server listens and what it allows. Every number has a default; ms and bytes.
public struct TransportOptions: Sendable {
    /// Engine.IO's own options.
    public var engine = EngineOptions()
    /// Where Engine.IO is served: everything below it, so that a request's path has the final slash. One written
    /// here makes no difference.
    public var path = "/socket.io"
    /// nil: no CORS headers, and no WebSocket's Origin is looked at.
    public var cors: CORSOptions?
    /// nil: no cookie.
    public var cookie: CookieOptions?
    /// Polling answers from this size on are compressed if the client accepts it; nil: never.
    public var httpCompressionThreshold: Int? = 1024
    /// nil: permessage-deflate is not agreed to.
    public var deflate: DeflateOptions?
    /// Asked about every request that would open a session (`allowRequest`, `initial_headers` and `headers` of the
    /// reference). Called on the loop; must not block. nil: every one may.
    public var allowRequest: (@Sendable (HandshakeRequest) -> HandshakeDecision)?
    /// Asked before that; a text says why no session can be opened yet, and the request is answered 503 with it and
    /// `Retry-After`. Called on the loop; must not block.
    public var unavailable: (@Sendable () -> String?)?
    /// Hears of requests that are refused, and why. Called on the loops; must not block.
    public var onRefusal: (@Sendable (RefusalRecord) -> Void)?
    /// Echoes for the official test suites; nil in normal operation.
    public var conformance: ConformanceOptions?

    /// The largest body of a request that is not Engine.IO's; 413 above.
    public var maxHTTPBody = 1_000_000
    /// The largest sum of a request's header fields; 431 above.
    public var maxHeaderBytes = 16_384
    /// Header fields of a request; 431 above.
    public var maxHeaderCount = 100
    /// What a client may have sent ahead of its answers before it is read no further; one read more may come on top.
    public var maxPipelinedBytes = 16_384
    /// From the connection to its first complete request head.
    public var headerTimeout: Int64 = 30_000
    /// From a request's head to the end of its body; and how long a peer may take nothing of an
    /// answer that waits for it.
    public var bodyTimeout: Int64 = 60_000
    /// From an answer to the next complete request head.
    public var keepAliveTimeout: Int64 = 65_000
    /// How long an ended connection may take to hear that it has ended.
    public var lingerTimeout: Int64 = 2_000
    /// How long a WebSocket's client may take to answer the close frame, from when it takes nothing more
    /// of what was sent before.
    public var closeFrameTimeout: Int64 = 1_000
    /// What a streamed answer may have waiting for its reader.
    public var maxStreamBuffer = 1 << 20
    /// Open connections; more are closed as they come, and counted.
    public var maxConnections = 100_000
    /// Open connections of one address (of an IPv6 network of 64 bits), likewise; 0: no limit.
    public var maxConnectionsPerAddress = 0
    /// Sessions on all loops; more are refused with 503, and counted. A polling session lives on between two
    /// requests, without any connection.
    public var maxSessions = 250_000
    /// Sessions of one address, likewise; 0: no limit.
    public var maxSessionsPerAddress = 0
    /// Sessions on all loops that may wait to join a namespace; the one that has been waiting
    /// longest gives way to the next.
    public var maxUnconnectedSessions = 50_000
    /// The largest message, and the largest body of a POST, of a session that has joined no namespace.
    public var maxBeforeJoining = 65_536
    /// What may be held for all clients together: input that is not complete, output that waits, the requests that
    /// opened sessions. Above it whoever was not let in is closed, the youngest first.
    public var memory = 512 << 20
    /// Whether broadcasts go out through io_uring where the system allows it; else with one call per connection.
    public var usesIOURing = true
    /// Connections the kernel holds before they are accepted.
    public var backlog: Int32 = 4096

    public init() {}

    /// `path` with exactly one slash at its end: what requests are compared with.
    static func prefix(of path: String) -> String {
        var path = path.hasPrefix("/") ? path : "/" + path
        while path.hasSuffix("/") { path.removeLast() }
        return path + "/"
    }
}

/// What is decided about a request that would open a session.
public enum HandshakeDecision: Sendable {
    /// It may.
    ///
    /// - Parameters:
    ///   - initial: fields of the first response alone: the handshake of polling, or the WebSocket's 101.
    ///   - always: fields of every HTTP response of the session, the first included.
    case open(initial: HTTPFields, always: HTTPFields)
    /// It may not: code 4, with these words.
    case refuse(String)

    /// It may, and nothing is to be said about it.
    public static let open = HandshakeDecision.open(initial: HTTPFields(), always: HTTPFields())
}

/// The cookie that carries a session's id to load balancers, set by the polling handshake.
public struct CookieOptions: Sendable, Equatable {
    public enum SameSite: String, Sendable {
        case strict = "Strict"
        case lax = "Lax"
        case none = "None"
    }

    public var name = "io"
    public var path: String? = "/"
    public var domain: String?
    /// Seconds.
    public var maxAge: Int?
    public var httpOnly = true
    public var secure = false
    public var sameSite: SameSite? = .lax

    public init() {}

    /// The value of `Set-Cookie` for a session.
    func header(sessionID: String) -> String {
        var header = "\(name)=\(sessionID)"
        if let maxAge { header += "; Max-Age=\(maxAge)" }
        if let domain { header += "; Domain=\(domain)" }
        if let path { header += "; Path=\(path)" }
        if httpOnly { header += "; HttpOnly" }
        if secure { header += "; Secure" }
        if let sameSite { header += "; SameSite=\(sameSite.rawValue)" }
        return header
    }
}

/// Endpoints for the official test suites, over the same code as the real ones.
public struct ConformanceOptions: Sendable, Equatable {
    /// Path of a raw Engine.IO echo: every message back with its own type.
    public var engineEcho: String?
    /// Path of a raw WebSocket echo.
    public var webSocketEcho: String?
    /// The largest message of the WebSocket echo; bytes.
    public var maxMessage = 16_777_216

    public init() {}
}
