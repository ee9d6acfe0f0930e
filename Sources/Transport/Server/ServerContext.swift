import EngineIO
import Logging
import Synchronization

/// What all connections of a server share. Immutable but for two counters.
final class ServerContext: Sendable {
    let options: TransportOptions
    let loops: Loops
    let http: any HTTPApplication
    let endpoints: [Endpoint]
    let logger: Logger
    /// Open connections on all loops.
    let openConnections = Atomic<Int>(0)
    /// Set when the server stops: answers end their connections from then on.
    let isStopping = Atomic<Bool>(false)

    init(options: TransportOptions, loops: Loops, http: any HTTPApplication, logger: Logger) {
        self.options = options
        self.loops = loops
        self.http = http
        self.logger = logger
        var endpoints: [Endpoint] = []
        func serve(_ kind: Endpoint.Kind, at path: String, _ engine: EngineOptions) {
            endpoints.append(
                Endpoint(
                    kind: kind, index: endpoints.count, prefix: TransportOptions.prefix(of: path), options: engine, lingerTimeout: options.lingerTimeout))
        }
        serve(.socketIO, at: options.path, options.engine)
        if let path = options.conformance?.engineEcho {
            serve(.engineEcho, at: path, options.engine)
        }
        if let conformance = options.conformance, let path = conformance.webSocketEcho {
            var echo = options.engine
            echo.maxPayload = conformance.maxMessage
            echo.maxBufferedOutput = max(echo.maxBufferedOutput, conformance.maxMessage)
            serve(.webSocketEcho, at: path, echo)
        }
        self.endpoints = endpoints
    }

    /// The endpoint a path belongs to; nil: the HTTP application's.
    func endpoint(for path: Substring) -> Endpoint? {
        endpoints.first { $0.serves(path) }
    }
}
