import EngineIO
import Logging
import Support
import Synchronization

/// What all connections of a server share. Immutable but for what it counts.
final class ServerContext: Sendable {
    let options: TransportOptions
    let loops: Loops
    let http: any HTTPApplication
    let endpoints: [Endpoint]
    let logger: Logger
    /// What CORS adds to every answer, if that does not depend on who asks.
    let corsFields: HTTPFields?
    /// Whether each request is a line of the log.
    let logsRequests: Bool
    let limits: ServerLimits
    /// Set when the server stops: answers end their connections from then on.
    let isStopping = Atomic<Bool>(false)

    init(options: TransportOptions, loops: Loops, http: any HTTPApplication, logger: Logger) {
        self.options = options
        self.loops = loops
        self.http = http
        self.logger = logger
        logsRequests = logger.logLevel <= .debug
        limits = ServerLimits(options)
        corsFields = options.cors.flatMap { $0.isFixed ? $0.fields(for: nil) : nil }
        var endpoints: [Endpoint] = []
        func serve(_ kind: Endpoint.Kind, at path: String, _ engine: EngineOptions) {
            endpoints.append(
                Endpoint(
                    kind: kind, index: endpoints.count, prefix: TransportOptions.prefix(of: path), options: engine,
                    lingerTimeout: options.lingerTimeout,
                    closeFrameTimeout: options.closeFrameTimeout, maxBeforeJoining: options.maxBeforeJoining))
        }
        var engine = options.engine
        engine.maxUnconnectedSessions = max(1, options.maxUnconnectedSessions / loops.all.count)
        engine.maxUnconnectedBytes = max(1, options.memory / Self.unconnectedShare / loops.all.count)
        serve(.socketIO, at: options.path, engine)
        if let path = options.conformance?.engineEcho {
            serve(.engineEcho, at: path, engine)
        }
        if let conformance = options.conformance, let path = conformance.webSocketEcho {
            var echo = options.engine
            echo.maxPayload = conformance.maxMessage
            echo.maxBufferedOutput = max(echo.maxBufferedOutput, conformance.maxMessage)
            serve(.webSocketEcho, at: path, echo)
        }
        self.endpoints = endpoints
    }

    /// Says that a request was refused, to whoever counts and logs it.
    func refused(_ reason: @autoclosure () -> String, _ detail: @autoclosure () -> String = "", from address: String) {
        options.onRefusal?(RefusalRecord(.http, reason: reason(), detail: detail(), address: address))
    }

    /// A line for a request that has been answered, without its query, which may hold what is secret.
    func log(_ head: HTTPRequestHead, status: Int, from address: String) {
        logger.debug(
            "request",
            metadata: [
                "method": "\(head.methodText)", "path": "\(head.string(head.target.path))", "status": "\(status)",
                "address": "\(address)",
            ])
    }

    /// Why this endpoint opens no session just now; `nil`: it does. [loop]
    func unavailable(_ endpoint: Endpoint) -> String? {
        if isStopping.load(ordering: .relaxed) { return "the server is stopping" }
        return endpoint.kind == .socketIO ? options.unavailable?() : nil
    }

    /// The answer to who asks for one all the same.
    static let unavailable = HTTPResponseHead(
        status: 503, headers: [("Content-Type", "text/plain"), ("Cache-Control", "no-store"), ("Retry-After", "1")])

    /// The part of ``TransportOptions/memory`` that the requests of sessions in no namespace may take.
    private static let unconnectedShare = 8

    /// The endpoint a request is meant for; nil: the HTTP application.
    func endpoint(of head: HTTPRequestHead) -> Endpoint? {
        head.text.withUnsafeBytes { text in
            let path = text.part(head.target.path)
            return endpoints.first { $0.serves(path) }
        }
    }
}

extension HandshakeError {
    /// What a ``RefusalRecord`` counts.
    var reason: String {
        switch self {
        case .unknownTransport: "unknown_transport"
        case .unknownSession: "unknown_session"
        case .badMethod: "bad_method"
        case .badRequest: "bad_request"
        case .forbidden: "denied"
        case .unsupportedVersion: "unsupported_version"
        case .overloaded: "overloaded"
        }
    }
}
