import EngineIO
import Testing

@testable import Transport

/// The decisions of `allowRequest`.
@Suite(.serialized, .timeLimit(.minutes(2))) struct HandshakeRequestTests {
    private static func adding(_ options: inout TransportOptions) {
        options.allowRequest = { _ in
            .open(initial: HTTPFields([("X-First", "1")]), always: HTTPFields([("X-Always", "2")]))
        }
    }

    private static let upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

    @Test
    func `initial fields are on the first response only, session fields on each, also on the upgrade`()
        async throws
    {
        try await TestServer.run(Self.adding) { test in
            let client = test.client()
            client.send("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
            let first = client.read(until: "maxPayload")
            #expect(first.contains("\r\nX-First: 1\r\n"))
            #expect(first.contains("\r\nX-Always: 2\r\n"))
            let sid = try #require(first.split(separator: "\"").drop { $0 != "sid" }.dropFirst(2).first)
            client.forget()
            client.send(
                "POST /engine.io/?EIO=4&transport=polling&sid=\(sid) HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4x"
            )
            let posted = client.read(until: "\r\n\r\nok")
            client.forget()
            client.send("GET /engine.io/?EIO=4&transport=polling&sid=\(sid) HTTP/1.1\r\nHost: x\r\n\r\n")
            let polled = client.read(until: "\r\n\r\n4x")
            client.forget()
            client.send(
                "GET /engine.io/?EIO=4&transport=websocket&sid=\(sid) HTTP/1.1\r\nHost: x\r\n\(Self.upgrade)\r\n")
            let upgraded = client.read(until: "\r\n\r\n")
            #expect(upgraded.hasPrefix("HTTP/1.1 101 "))
            for answer in [posted, polled, upgraded] {
                #expect(!answer.contains("X-First"))
                #expect(answer.contains("\r\nX-Always: 2\r\n"))
            }
        }
    }

    @Test func `the 101 of a session that opens with a WebSocket has both kinds of fields`() async throws {
        try await TestServer.run(Self.adding) { test in
            let client = test.client()
            client.send("GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n\(Self.upgrade)\r\n")
            let answer = client.read(until: "\r\n\r\n")
            #expect(answer.contains("\r\nX-First: 1\r\n"))
            #expect(answer.contains("\r\nX-Always: 2\r\n"))
        }
    }

    @Test func `a refusal has code 4 and its message, and allowRequest knows the transport`() async throws {
        try await TestServer.run {
            $0.allowRequest = { .refuse("not by \($0.transport.rawValue)") }
        } _: { test in
            let client = test.client()
            client.send("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.read(until: "}").hasSuffix(#"{"code":4,"message":"not by polling"}"#))
            let other = test.client()
            other.send("GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n\(Self.upgrade)\r\n")
            #expect(other.read(until: "not by websocket").hasPrefix("HTTP/1.1 400 "))
        }
    }
}
