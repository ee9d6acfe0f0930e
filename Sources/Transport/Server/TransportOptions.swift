import EngineIO
import Support

/// How a server listens and what it allows. Times are in ms, sizes in bytes.
public struct TransportOptions: Sendable {
    /// The options of Engine.IO itself.
    public var engine = EngineOptions()
    /// The path of Engine.IO. Requests use it with a final slash; writing the slash here makes no difference.
    public var path = "/socket.io"
    /// nil: no CORS headers, and the Origin of WebSockets is not checked.
    public var cors: CORSOptions?
    /// nil: no cookie.
    public var cookie: CookieOptions?
    /// Polling responses of at least this size are compressed if the client accepts it; nil: never.
    public var httpCompressionThreshold: Int? = 1024
    /// nil: offers of permessage-deflate are declined.
    public var deflate: DeflateOptions?
    /// Decides about every request that would open a session (`allowRequest`, `initial_headers` and `headers` of the
    /// reference). Called on the loop; must not block. nil: every request may.
    public var allowRequest: (@Sendable (HandshakeRequest) -> HandshakeDecision)?
    /// Called before ``allowRequest``. Returns why no session can be opened at present, or nil. The request is answered
    /// 503 with this text and `Retry-After`. Called on the loop; must not block.
    public var unavailable: (@Sendable () -> String?)?
    /// Called with every refused request and the reason. On the loops; must not block.
    public var onRefusal: (@Sendable (RefusalRecord) -> Void)?
    /// Echo endpoints for the official test suites; nil in normal operation.
    public var conformance: ConformanceOptions?

    /// The largest request body outside of Engine.IO; 413 above.
    public var maxHTTPBody = 1_000_000
    /// The largest sum of a request's header fields; 431 above.
    public var maxHeaderBytes = 16_384
    /// The largest number of a request's header fields; 431 above.
    public var maxHeaderCount = 100
    /// A client that has sent this much ahead of its answers is not read any more; one more read may come on top.
    public var maxPipelinedBytes = 16_384
    /// Time from the connection to its first complete request head.
    public var headerTimeout: Int64 = 30_000
    /// Time from a request's head to the end of its body; also, how long a peer may leave pending output of an answer
    /// unread.
    public var bodyTimeout: Int64 = 60_000
    /// Time from an answer to the next complete request head.
    public var keepAliveTimeout: Int64 = 65_000
    /// Time that a client has to close its side after the server has sent FIN.
    public var lingerTimeout: Int64 = 2_000
    /// Time that a WebSocket's client has to answer the close frame, counted from when it last read any pending output.
    public var closeFrameTimeout: Int64 = 1_000
    /// The largest amount of unsent data of a streamed answer.
    public var maxStreamBuffer = 1 << 20
    /// Open connections; further ones are closed on accept and counted.
    public var maxConnections = 100_000
    /// Open connections of one IPv4 address or one IPv6 network of 64 bits; further ones are closed on accept and
    /// counted. 0: no limit.
    public var maxConnectionsPerAddress = 0
    /// Sessions on all loops; further ones are refused with 503 and counted. A polling session exists between two
    /// requests too, without any connection.
    public var maxSessions = 250_000
    /// Sessions of one address, as for ``maxConnectionsPerAddress``; further ones are refused with 503 and counted. 0:
    /// no limit.
    public var maxSessionsPerAddress = 0
    /// Sessions on all loops that have joined no namespace, in equal parts. Above its part, a loop closes its oldest.
    public var maxUnconnectedSessions = 50_000
    /// The largest message, and the largest body of a POST, of a session in no namespace.
    public var maxBeforeJoining = 65_536
    /// What may be held for all clients together: incomplete input, unsent output and the requests that opened
    /// sessions. Above it, unauthenticated clients are closed, the youngest first; then the slowest readers.
    public var memory = 512 << 20
    /// Whether broadcasts are sent through io_uring where the system allows it; otherwise with one call per connection.
    public var usesIOURing = true
    /// Connections that the kernel queues before they are accepted.
    public var backlog: Int32 = 4096

    public init() {}

    /// `path` with a slash at its beginning and exactly one at its end, which request paths are compared with.
    static func prefix(of path: String) -> String {
        var path = path.hasPrefix("/") ? path : "/" + path
        while path.hasSuffix("/") { path.removeLast() }
        return path + "/"
    }
}

/// The decision about a request that would open a session.
public enum HandshakeDecision: Sendable {
    /// The session may be opened.
    ///
    /// - Parameters:
    ///   - initial: fields of the first response only: the handshake of polling, or the 101 of a WebSocket.
    ///   - always: fields of every HTTP response of the session, the first included.
    case open(initial: HTTPFields, always: HTTPFields)
    /// The request is refused with code 4 and this message.
    case refuse(String)

    /// The session may be opened, without additional fields.
    public static let open = HandshakeDecision.open(initial: HTTPFields(), always: HTTPFields())
}

/// The cookie with the session's id for load balancers, set by the polling handshake.
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

/// Endpoints for the official test suites, on the code paths of the real ones.
public struct ConformanceOptions: Sendable, Equatable {
    /// Path of an Engine.IO echo.
    public var engineEcho: String?
    /// Path of a WebSocket echo without Engine.IO.
    public var webSocketEcho: String?
    /// The largest message of the WebSocket echo; bytes.
    public var maxMessage = 16_777_216

    public init() {}
}
