import Support
import Testing

@testable import PluginHost

/// Routes of a plugin behind the real transport.
@Suite("Routes")
struct RouteTests {
    @Test("routes get parameters, query and user; silence, streams and errors give the specified responses")
    func routes() async throws {
        let serving = try await Serving()
        #expect(try serving.ask("/healthz") == "ok 200")
        #expect(try serving.ask("/v1/things/a%20b?q=x+y&z=1") == #"{"id":"a b","q":"x y","user":""} 200"#)
        #expect(
            try serving.ask("/v1/private/1")
                == #"{"type":"about:blank","title":"Unauthorized","status":401,"code":"token_missing","detail":"no token"} 401"#
        )
        #expect(
            try serving.ask("/v1/private/1", "-H", "Authorization: Bearer alice")
                == #"{"id":"1","q":"","user":"alice"} 200"#)
        #expect(
            try serving.ask("/v1/nothing").hasSuffix(
                #""code":"not_found","detail":"nothing is served at /v1/nothing"} 404"#))
        let long = try serving.ask("/" + String(repeating: "x", count: 8_000))
        #expect(long.hasSuffix(#"x… (cut; 8001 bytes)"} 404"#))
        #expect(long.utf8.count < 500)
        #expect(
            try serving.ask("/v1/silent").hasSuffix(
                #""code":"method_not_allowed","detail":"/v1/silent takes POST"} 405"#))
        #expect(
            try serving.ask("/v1/silent", "-d", "x").hasSuffix(
                #""code":"internal","detail":"the service 'probe' did not answer"} 500"#))
        #expect(try serving.ask("/v1/stream") == "onetwo 200")
        #expect(serving.host.status[0].streams == 0)
        try await serving.host.unload("probe")
        #expect(try serving.ask("/v1/things/1").hasSuffix(" 404"))
        try await serving.stop()
    }

    @Test("a handler that neither answers nor keeps its token is logged in one line, unless its client had gone")
    func clientGone() async throws {
        let serving = try await Serving()
        #expect(throws: Fixture.Failed.self) { try serving.ask("/v1/slow", "-m", "0.1") }
        // Runs after the request before it, on the same strand.
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
        let (host, locked, isAnswered) = (serving.host, BlockingFuture<Bool>(), BlockingFuture<Bool>())
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
