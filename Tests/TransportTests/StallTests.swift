import EngineIO
import Glibc
import Testing

@testable import Transport

@Suite(.serialized, .timeLimit(.minutes(2))) struct StallTests {
    /// More than one call of epoll reports.
    private static let clients = 300

    @Test func `a loop that was blocked reads all input before it fires timeouts`() async throws {
        try await TestServer.run({
            $0.engine.pingInterval = 500
            $0.engine.pingTimeout = 1_500
        }) { test in
            let loop = test.loops.all[0]
            let clients = (0..<Self.clients).map { _ in test.client() }
            for client in clients {
                #expect(client.upgrade("/engine.io/?EIO=4&transport=websocket"))
                #expect(client.textFrame()?.hasPrefix("0{") == true)
            }
            for _ in 0..<2 {
                for client in clients { #expect(client.textFrame() == "2") }
                // All clients answer while the loop is blocked, until their timeouts have passed. No `await` here:
                // another suite could delay it.
                loop.eventLoop.execute { _ = usleep(2_500_000) }
                usleep(20_000)
                for client in clients { client.send(ClientFrame.text("3")) }
            }
            for (index, client) in clients.enumerated() {
                client.send(ClientFrame.text("4still here"))
                var text = client.textFrame()
                while text == "2" { text = client.textFrame() }
                #expect(text == "4still here", "client \(index)")
            }
        }
    }

    @Test func `a silent client times out, however often the loop is blocked`() async throws {
        try await TestServer.run({
            $0.engine.pingInterval = 200
            $0.engine.pingTimeout = 200
        }) { test in
            let client = test.client()
            #expect(client.upgrade("/engine.io/?EIO=4&transport=websocket"))
            for _ in 0..<6 {
                try await test.loops.all[0].eventLoop.submit { _ = usleep(250_000) }.get()
                try await Task.sleep(for: .milliseconds(20))
            }
            client.send(ClientFrame.text("4too late"))
            client.readToEnd()
            #expect(!client.string.contains("too late"))
        }
    }
}
