import EngineIO
import FuzzSupport
import Logging
import SocketIO

@testable import Transport

/// The loop, shard and server, as ``Server`` makes them. All inputs share them, and each input must leave them
/// unchanged.
final class Host: Sendable {
    static let shared = try? Host()

    let loop: Loop
    let server: ServerContext
    let http = TestHTTPApplication()

    private init() throws {
        let loops = Loops(count: 1)
        loop = loops.all[0]
        var options = TransportOptions()
        options.deflate = DeflateOptions()
        options.cors = CORSOptions(origin: .any)
        options.cookie = CookieOptions()
        options.maxHTTPBody = 2_000
        options.engine.maxPayload = 2_000
        options.engine.maxBufferedOutput = 16_384
        options.maxPipelinedBytes = 100
        options.maxBeforeJoining = 500
        options.maxUnconnectedSessions = 3
        options.memory = 200_000
        var conformance = ConformanceOptions()
        conformance.engineEcho = "/engine.io"
        conformance.webSocketEcho = "/ws-echo"
        conformance.maxMessage = 4_000
        options.conformance = conformance
        var logger = Logger(label: "fuzz")
        logger.logLevel = .critical
        server = ServerContext(options: options, loops: loops, http: http, logger: logger)
        let (loop, server) = (loop, server)
        try loop.eventLoop.submit {
            loop.becomeCurrent()
            loop.attach(Shard(index: 0, timers: loop.wheel, application: Echo()))
            loop.prepare(for: server)
        }.wait()
    }

    /// Runs `body` on the loop's thread, after the jobs that wait there, and waits for it.
    func onLoop<Result>(_ body: @escaping () -> Result) -> Result {
        // No data race: the loop uses `body` and `result` only while this thread waits.
        nonisolated(unsafe) let body = body
        nonisolated(unsafe) var result: Result?
        do {
            try loop.eventLoop.submit { result = body() }.wait()
        } catch {
            require(false, "the loop runs what it is given")
        }
        guard let result else { preconditionFailure("the job has run") }
        return result
    }
}
