import EngineIO
import Logging
import Support
import Synchronization

/// What all connections of a server share. Immutable but for its counters and ``isStopping``.
final class ServerContext: Sendable {
    let options: TransportOptions
    let loops: Loops
    let http: any HTTPApplication
    let endpoints: [Endpoint]
    let logger: Logger
    let limits: ServerLimits
    /// Set when the server stops: from then on, connections end after their current answer.
    let isStopping = Atomic<Bool>(false)

    init(options: TransportOptions, loops: Loops, http: any HTTPApplication, logger: Logger) {
        self.options = options
        self.loops = loops
        self.http = http
        self.logger = logger
        limits = ServerLimits(options)
        endpoints = Self.engines(options, loops: loops.all.count).enumerated().map { index, engine in
            Endpoint(
                kind: engine.kind, index: index, prefix: TransportOptions.prefix(of: engine.path),
                options: engine.options, lingerTimeout: options.lingerTimeout,
                closeFrameTimeout: options.closeFrameTimeout)
        }
    }

    /// The endpoints that the options ask for, in the order of their indices, each with its path and the options of
    /// Engine.IO on one of `loops` loops.
    static func engines(
        _ options: TransportOptions, loops: Int
    ) -> [(kind: Endpoint.Kind, path: String, options: EngineOptions)] {
        var engine = options.engine
        engine.maxUnconnectedSessions = max(1, options.maxUnconnectedSessions / loops)
        engine.maxUnconnectedBytes = max(1, options.memory / unconnectedShare / loops)
        var engines = [(kind: Endpoint.Kind.socketIO, path: options.path, options: engine)]
        if let path = options.conformance?.engineEcho { engines.append((.engineEcho, path, engine)) }
        if let conformance = options.conformance, let path = conformance.webSocketEcho {
            var echo = options.engine
            echo.maxPayload = conformance.maxMessage
            echo.maxBufferedOutput = max(echo.maxBufferedOutput, conformance.maxMessage)
            engines.append((.webSocketEcho, path, echo))
        }
        return engines
    }

    /// Reports a refused request to ``TransportOptions/onRefusal``.
    func refused(_ reason: @autoclosure () -> String, _ detail: @autoclosure () -> String = "", from address: String) {
        options.onRefusal?(RefusalRecord(.http, reason: reason(), detail: detail(), address: address))
    }

    /// Logs an answered request, without its query, which may contain secrets.
    func log(_ head: HTTPRequestHead, status: Int, from address: String) {
        logger.debug(
            "request",
            metadata: [
                "method": "\(head.methodText)", "path": "\(head.string(head.target.path))", "status": "\(status)",
                "address": "\(address)",
            ])
    }

    /// Why this endpoint opens no session at present; nil: it does. [loop]
    func unavailable(_ endpoint: Endpoint) -> String? {
        if isStopping.load(ordering: .relaxed) { return "the server is stopping" }
        return endpoint.kind == .socketIO ? options.unavailable?() : nil
    }

    /// The response head to a request that would open a session while ``unavailable(_:)`` gives a reason; the body is
    /// the reason.
    static let unavailable = HTTPResponseHead(
        status: 503, headers: [("Content-Type", "text/plain"), ("Cache-Control", "no-store"), ("Retry-After", "1")])

    /// Requests of sessions in no namespace may use this fraction of ``TransportOptions/memory``: one eighth.
    private static let unconnectedShare = 8

    /// The endpoint that serves a request; nil: the HTTP application does.
    func endpoint(of head: HTTPRequestHead) -> Endpoint? {
        head.text.withUnsafeBytes { text in
            let path = text.part(head.target.path)
            return endpoints.first { $0.serves(path) }
        }
    }
}

extension HandshakeError {
    /// The reason that a ``RefusalRecord`` carries.
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
