import EngineIO
import Logging
import SocketIO
import Synchronization

@testable import Transport

/// A server with the echo endpoints and a small HTTP application, which runs during one test.
final class TestServer: Sendable {
    let server: Server
    let loops: Loops
    let port: Int
    let application = TestApplication()

    private init(_ options: TransportOptions, loops count: Int) async throws {
        loops = Loops(count: count)
        try await loops.start { loop in
            Shard(index: loop.index, timers: loop.timers, application: Nobody())
        }
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        server = Server(options: options, loops: loops, http: application, logger: logger)
        port = try await server.start(host: "127.0.0.1", port: 0)
    }

    /// Runs `body` against a server with `options`.
    static func run(
        loops: Int = 1, _ change: (inout TransportOptions) -> Void = { _ in },
        _ body: @Sendable (TestServer) async throws -> Void
    ) async throws {
        var options = TransportOptions()
        var conformance = ConformanceOptions()
        conformance.engineEcho = "/engine.io"
        conformance.webSocketEcho = "/ws-echo"
        options.conformance = conformance
        change(&options)
        let test = try await TestServer(options, loops: loops)
        do {
            try await body(test)
        } catch {
            try await test.stop()
            throw error
        }
        try await test.stop()
    }

    private func stop() async throws {
        await server.shutdown()
        try await loops.shutdown()
    }

    func client(receiveBuffer: Int? = nil) -> RawClient { RawClient(port: port, receiveBuffer: receiveBuffer) }
}

/// A Socket.IO application that accepts every client and ignores all events.
final class Nobody: Application {
    func connect(_ attempt: ConnectAttempt) { attempt.accept() }
    func connected(_ socket: NamespaceSocket) {}
    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {}
    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason) {}
    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {}
}

/// Refuses `/refused` by its head, and answers by path: `/hello` at once, `/echo` the body, `/later` when the test says
/// so, `/stream` piece by piece.
final class TestApplication: HTTPApplication, HTTPRequestReceiver {
    let waiting = Mutex<[HTTPResponder]>([])
    let streams = Mutex<[HTTPStream]>([])
    let gone = Atomic<Int>(0)
    /// Requests for `/large`; `/answered` tells how many there were.
    let answered = Atomic<Int>(0)
    /// Called for each of them, before it is answered.
    let onLarge = Mutex<(@Sendable () -> Void)?>(nil)

    /// More than one send carries, and more than the smallest buffers of the kernel.
    static let large = [UInt8](repeating: 0x2E, count: 100_000)
    /// More than the kernel's buffers hold.
    static let huge = [UInt8](repeating: 0x2E, count: 16_000_000)

    /// The sender of `/known…` counts as authenticated.
    func decide(_ head: HTTPRequest, through responder: HTTPResponder) -> HTTPDecision {
        guard head.path != "/refused" else {
            responder.respond(status: 401, headers: [], body: [])
            return .answered
        }
        return .body(self, isKnown: head.path.hasPrefix("/known"))
    }

    func respond(to request: HTTPRequest, through responder: HTTPResponder) {
        switch request.path {
        case "/hello":
            responder.respond(status: 200, headers: [("Content-Type", "text/plain")], body: Array("hello".utf8))
        case "/echo", "/known": responder.respond(status: 200, headers: [], body: request.body)
        case "/large":
            answered.add(1, ordering: .relaxed)
            onLarge.withLock { $0 }?()
            responder.respond(status: 200, headers: [], body: Self.large)
        case "/answered":
            responder.respond(status: 200, headers: [], body: Array("\(answered.load(ordering: .relaxed))".utf8))
        case "/huge", "/known-huge": responder.respond(status: 200, headers: [], body: Self.huge)
        case "/split":
            responder.respond(status: 200, headers: [("X-Good", "1"), ("X-Bad", "1\r\nX-Injected: 1")], body: [])
        case "/later":
            responder.onGone { [self] in gone.add(1, ordering: .relaxed) }
            waiting.withLock { $0.append(responder) }
        case "/stream":
            if let stream = responder.stream(status: 200, fields: HTTPFields([("Content-Type", "text/event-stream")])) {
                streams.withLock { $0.append(stream) }
            }
        default: responder.respond(status: 404, headers: [], body: [])
        }
    }

    func refuseBody(largerThan limit: Int, through responder: HTTPResponder) {
        responder.respond(status: 413, headers: [], body: Array("\(limit)".utf8))
    }

    /// Waits for a `/later` request; returns its responder.
    func waitingResponder() async throws -> HTTPResponder {
        for _ in 0..<300 {
            if let responder = waiting.withLock({ $0.popLast() }) { return responder }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Missing()
    }

    func stream() async throws -> HTTPStream {
        for _ in 0..<300 {
            if let stream = streams.withLock({ $0.popLast() }) { return stream }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Missing()
    }

    struct Missing: Error {}
}
