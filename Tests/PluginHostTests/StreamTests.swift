import EngineIO
import Foundation
import Testing

@testable import PluginHost
@testable import Transport

@Suite("Streams and handshakes")
struct StreamTests {
    @Test("`writable` is called when a slow reader can take more, and `closed` once, after the last piece")
    func flood() async throws {
        let serving = try await Serving("streams")
        #expect(try serving.ask("/v1/flood", "-o", "/dev/null", "-m", "60", "-w", "%{size_download}") == "33554432")
        #expect(await serving.log.waitForLine(with: "closed after waiting 0 1") != nil)
        #expect(serving.log.line(with: "write: piece has 1048577 bytes, more than 1048576") != nil)
        #expect(serving.host.status[0].streams == 0)
        try await serving.stop()
    }

    @Test("a stream ends when its reader leaves, and when the plugin is unloaded")
    func leave() async throws {
        let serving = try await Serving("streams")
        #expect(throws: Fixture.Failed.self) { try serving.ask("/v1/endless", "-o", "/dev/null", "-m", "1") }
        #expect(await serving.log.waitForLine(with: "closed after waiting -3 0") != nil)
        let port = serving.port
        let held = Task.detached {
            try Fixture.output("curl", ["-s", "-m", "10", "-w", "%{http_code}", "http://127.0.0.1:\(port)/v1/held"])
        }
        while serving.host.status[0].streams == 0 { try await Task.sleep(for: .milliseconds(10)) }
        try await serving.host.unload("streams")
        #expect(try await held.value == "200")
        let lines = serving.log.lines
        let closed = try #require(lines.firstIndex { $0.contains("closed -3 0") }),
            destroyed = try #require(lines.firstIndex { $0.contains("destroyed") })
        #expect(closed < destroyed)
        try await serving.stop()
    }

    @Test("a borrowed reply token is valid on the handler's thread only, a kept one on any")
    func elsewhere() async throws {
        let serving = try await Serving("streams")
        for path in ["/v1/elsewhere", "/v1/elsewhere-inline"] {
            #expect(try serving.ask(path).hasSuffix(#""code":"teapot","detail":"kept"} 418"#))
        }
        try await serving.stop()
    }

    // MARK: Handshakes

    private static func verdict(_ todo: String, _ transport: TransportName = .polling, of host: PluginHost.Host) -> (
        refusal: String?, initial: String, always: String
    ) {
        let handshakeRequest = HandshakeRequest(
            remoteAddress: "127.0.0.1", secure: false, uri: "/socket.io/?EIO=4", issued: 0, transport: transport,
            headers: [(name: "x-do", value: todo)])
        switch host.allowRequest(handshakeRequest) {
        case .refuse(let message): return (message, "", "")
        case .open(let initial, let always):
            return (nil, String(decoding: initial.lines, as: UTF8.self), String(decoding: always.lines, as: UTF8.self))
        }
    }

    @Test(
        "the handshake hook refuses with its message, or adds header fields to the first response or to all",
        .enabled(if: TestIsolation.isInProcess, "a plugin with a handshake hook does not run in a worker"))
    func handshake() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("streams")))
        #expect(Self.verdict("deny", of: test.host).refusal == "not today")
        #expect(Self.verdict("fail", of: test.host).refusal == "Forbidden")
        #expect(test.log.line(with: "handshake returned -1 (JF_E_FAILED") != nil)
        #expect(Self.verdict("odd", of: test.host).refusal == "Forbidden")
        #expect(test.log.line(with: "handshake returned 77, which is no result code") != nil)
        #expect(Self.verdict("", of: test.host) == (nil, "x-first: polling\r\n", "x-always: yes\r\n"))
        #expect(Self.verdict("", .websocket, of: test.host).initial == "x-first: websocket\r\n")
        #expect(Self.verdict("full", of: test.host).always.utf8.count > 1_000)
        await test.stop()
    }

    @Test(
        "header lines that are malformed or that only the host may set are left out and logged",
        .enabled(if: TestIsolation.isInProcess, "a plugin with a handshake hook does not run in a worker"))
    func wrongHeaders() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("streams")))
        #expect(Self.verdict("wrong", of: test.host).initial == "x-good: 1\r\nx-cut: 2\r\n")
        for line in [
            "'content-length: 1' was left out: this header is the host's",
            "'Connection: close' was left out: this header is the host's",
            "'x y: z' was left out: its name or value holds", "'nothing' was left out: it has no colon",
            "' was left out: its name or value holds",
        ] {
            #expect(test.log.line(with: line) != nil, "\(line)")
        }
        await test.stop()
    }

    @Test("the client gets the header fields, and the refusal")
    func overHTTP() async throws {
        let serving = try await Serving("streams")
        let path = "/socket.io/?EIO=4&transport=polling"
        let answer = try serving.ask(path, "-i")
        #expect(answer.contains("\r\nx-first: polling\r\n"))
        #expect(answer.contains("\r\nx-always: yes\r\n"))
        #expect(try serving.ask(path, "-H", "X-Do: deny") == #"{"code":4,"message":"not today"} 403"#)
        try await serving.stop()
    }
}
