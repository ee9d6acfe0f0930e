import Logging
import SocketIO
import Transport

@testable import PluginHost

/// A host with one plugin, behind the real transport, which serves on a port of 127.0.0.1.
final class Serving {
    let loops = Loops(count: 1)
    let host: PluginHost.Host
    let server: Server
    let port: Int
    let log = RecordingLog()

    /// - Parameters:
    ///   - library: a fixture of Tests/Fixtures/host.
    ///   - config: the plugin's configuration, JSON.
    init(_ library: String = "probe", config: [UInt8] = []) async throws {
        let handler = log
        let logger = Logger(label: "test", factory: { _ in handler })
        let authenticator = TestHost.TestAuthenticator()
        let host = try Host(
            loops: loops.all, authenticator: authenticator, httpAuthenticator: authenticator, presence: FixedPresence(),
            logger: logger)
        self.host = host
        try await loops.start { host.makeShard(index: $0.index, timers: $0.timers) }
        try host.router.register("GET", "/healthz") { _, responder in
            responder.respond(status: 200, headers: [("Content-Type", "text/plain")], body: Array("ok".utf8))
        }
        try await host.load(PluginSpec(path: try Fixture.library(library), config: config))
        var options = TransportOptions()
        options.allowRequest = { host.allowRequest($0) }
        server = Server(options: options, loops: loops, http: host.router, logger: logger)
        port = try await server.start(host: "127.0.0.1", port: 0)
    }

    /// Sends a request with curl; returns the body, then the status.
    func ask(_ path: String, _ arguments: String...) throws -> String {
        try Fixture.output(
            "curl", ["-s", "-m", "5", "-w", " %{http_code}"] + arguments + ["http://127.0.0.1:\(port)\(path)"])
    }

    func stop() async throws {
        await host.shutdown(deadline: 1_000)
        await server.shutdown()
        try await loops.shutdown()
    }
}
