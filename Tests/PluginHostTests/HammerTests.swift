import EngineIO
import Foundation
import Glibc
import Presence
import Testing

@testable import PluginHost

@Suite("A plugin under load while it is unloaded")
struct HammerTests {
    @Test(
        "no callback begins once destroy has begun, and late calls return JF_E_STATE",
        .enabled(if: TestIsolation.isInProcess, "a plugin with a handshake hook does not run in a worker"))
    func hammer() async throws {
        var options = HostOptions()
        options.lanes = 4
        let test = try TestHost(loops: 2, options)
        let library = try Fixture.library("hammer")
        let report = try Fixture.file("hammer-report.txt", [])
        let spec = PluginSpec(path: library, config: Array(#"{"report":"\#(report)"}"#.utf8))

        let end = BlockingFuture<Bool>()
        @Sendable func isOver() -> Bool { end.wait(until: 0) != nil }
        // On each loop, clients that connect, send something and leave; and handshakes.
        var helpers = test.loops.map { loop in
            Self.thread { while !isOver() { Self.visit(loop, test.host) } }
        }
        helpers.append(
            Self.thread {
                var isOnline = true
                while !isOver() {
                    test.host.presenceChanged([PresenceChange(user: "alice", isOnline: isOnline, at: 0)])
                    isOnline.toggle()
                    usleep(100)
                }
            })
        for _ in 0..<20 {
            try await test.host.load(spec)
            usleep(20_000)
            try await test.host.unload("hammer")
        }
        end.fulfil(true)
        for helper in helpers { _ = helper.wait(until: .max) }
        // Time for the last stray threads to call.
        usleep(200_000)
        let lines = try String(contentsOfFile: report, encoding: .utf8).split(separator: "\n")
        #expect(Set(lines) == [], "\(lines.count) callbacks or codes were wrong")
        await test.stop()
    }

    /// Runs `body` on a new thread; the future is fulfilled at its end.
    private static func thread(_ body: @escaping @Sendable () -> Void) -> BlockingFuture<Bool> {
        let over = BlockingFuture<Bool>()
        Threads.start(name: "hammering") {
            body()
            over.fulfil(true)
        }
        return over
    }

    private static func visit(_ loop: TestLoop, _ host: PluginHost.Host) {
        loop.sync { _ in
            _ = host.allowRequest(
                HandshakeRequest(
                    remoteAddress: "::1", secure: false, uri: "/", issued: 0, headers: [(name: String, value: String)]()
                ))
        }
        let client = TestClient(loop, joining: "/", auth: #"{"user":"alice"}"#)
        _ = client.hear(within: 100)
        for event in ["strand", "user", "parallel", "inline"] { client.say("20[\"\(event)\"]") }
        client.say("0/inline,")
        client.vanish()
    }
}
