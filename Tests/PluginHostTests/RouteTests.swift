import Testing

@testable import PluginHost

/// Routes of a plugin behind the real transport.
@Suite("Routes")
struct RouteTests {
<<<<<<< HEAD
=======
    /// A host that serves on a port of 127.0.0.1.
    private final class Serving {
        let loops = Loops(count: 1)
        let host: PluginHost.Host
        let server: Server
        let port: Int
        let recording: RecordingLog

        init() async throws {
            let handler = RecordingLog()
            recording = handler
            let log = Logger(label: "test", factory: { _ in handler })
            let gate = TestHost.Gate()
            let host = try Host(loops: loops.all, gate: gate, httpGate: gate, presence: FixedPresence(), logger: log)
            self.host = host
            try await loops.start { host.makeShard(index: $0.index, timers: $0.timers) }
            try host.router.register("GET", "/healthz") { _, responder in
                responder.respond(status: 200, headers: [("Content-Type", "text/plain")], body: Array("ok".utf8))
            }
            try await host.load(PluginSpec(path: try Fixture.library("probe")))
            server = Server(options: TransportOptions(), loops: loops, http: host.router, logger: log)
            port = try await server.start(host: "127.0.0.1", port: 0)
        }

        /// Asks with curl: status, then the body.
        func ask(_ path: String, _ arguments: String...) throws -> String {
            try Fixture.output("curl", ["-s", "-m", "5", "-w", " %{http_code}"] + arguments + ["http://127.0.0.1:\(port)\(path)"])
        }

        func stop() async throws {
            await host.shutdown(deadline: 1_000)
            await server.shutdown()
            try await loops.shutdown()
        }
    }

>>>>>>> 5488d9b (Write one line where a plugin's answer goes wrong, and none where it does not)
    @Test("parameters, query, user, silence, streams, and errors of the house")
    func routes() async throws {
        let serving = try await Serving()
        #expect(try serving.ask("/healthz") == "ok 200")
        #expect(try serving.ask("/v1/things/a%20b?q=x+y&z=1") == #"{"id":"a b","q":"x y","user":""} 200"#)
        #expect(try serving.ask("/v1/private/1") == #"{"type":"about:blank","title":"Unauthorized","status":401,"code":"token_missing","detail":"no token"} 401"#)
        #expect(try serving.ask("/v1/private/1", "-H", "Authorization: Bearer alice") == #"{"id":"1","q":"","user":"alice"} 200"#)
        #expect(try serving.ask("/v1/nothing").hasSuffix(#""code":"not_found","detail":"nothing is served at /v1/nothing"} 404"#))
        #expect(try serving.ask("/v1/silent").hasSuffix(#""code":"method_not_allowed","detail":"/v1/silent takes POST"} 405"#))
        #expect(try serving.ask("/v1/silent", "-d", "x").hasSuffix(#""code":"internal","detail":"the service 'probe' did not answer"} 500"#))
        #expect(try serving.ask("/v1/stream") == "onetwo 200")
        #expect(serving.host.status[0].streams == 0)
        try await serving.host.unload("probe")
        #expect(try serving.ask("/v1/things/1").hasSuffix(" 404"))
        try await serving.stop()
    }

    @Test("a handler that answers nobody leaves one line, unless its client had gone before it could keep its token")
    func clientGone() async throws {
        let serving = try await Serving()
        #expect(throws: Fixture.Failed.self) { try serving.ask("/v1/slow", "-m", "0.1") }
        // Handled after it, on the same strand.
        #expect(try serving.ask("/v1/silent", "-d", "x").hasSuffix(" 500"))
        let lines = serving.log.lines.filter { $0.contains("returned without answering") }
        #expect(lines.count == 1)
        #expect(lines.first?.contains("POST /v1/silent") == true)
        try await serving.stop()
    }

    @Test("a request is answered while another thread holds the routes to change them")
    func lockFree() async throws {
        let serving = try await Serving()
        #expect(try serving.ask("/healthz") == "ok 200")
        let (host, locked, isAnswered) = (serving.host, Outcome<Bool>(), Outcome<Bool>())
        Threads.start(name: "changer") {
            host.router.table.withLock { _ in
                locked.fulfil(true)
                _ = isAnswered.wait(until: Clock.monotonicNanoseconds + 4_000_000_000)
            }
        }
        #expect(locked.wait(until: .max) == true)
        let answer = try serving.ask("/healthz", "-m", "2")
        isAnswered.fulfil(true)
        #expect(answer == "ok 200")
        try await serving.stop()
    }
}
