import Glibc
import Testing

@testable import EngineIO
@testable import Transport

/// The limits for one client, and for all clients together.
@Suite(.serialized, .timeLimit(.minutes(2))) struct LimitTests {
    private static let handshake = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n"

    /// A WebSocket with a session that has joined no namespace.
    private static func webSocket(_ test: TestServer) -> RawClient {
        let client = test.client()
        #expect(client.upgrade("/socket.io/?EIO=4&transport=websocket"))
        #expect(client.textFrame()?.hasPrefix("0{") == true)
        return client
    }

    private static func join(_ client: RawClient) {
        client.send(ClientFrame.text("40"))
        #expect(client.textFrame()?.hasPrefix("40{") == true)
    }

    /// Opens a polling session that joins no namespace; returns its target.
    private static func polling(_ client: RawClient) -> String {
        client.forget()
        client.send(handshake)
        let answer = client.read(until: "maxPayload\":1000000}")
        client.forget()
        let parts = answer.split(separator: "\"")
        return "/socket.io/?EIO=4&transport=polling&sid=\(parts.count > 3 ? parts[3] : "none")"
    }

    private static func post(_ client: RawClient, _ target: String, _ body: String) -> String {
        client.forget()
        client.send("POST \(target) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return String(client.read(until: "\r\n\r\n").prefix(12))
    }

    @Test("other limits hold for the next body, message and session, and what is open stays open")
    func adopting() async throws {
        try await TestServer.run(loops: 2) { test in
            let sockets = (0..<3).map { _ in Self.webSocket(test) }
            var options = test.server.context.options
            options.maxSessions = 3
            options.maxHTTPBody = 10
            options.maxBeforeJoining = 10
            options.engine.maxBufferedOutput = 77
            options.cors = CORSOptions(origin: .any)
            test.server.adopt(options)
            // Each loop has run a job that was enqueued after those of `adopt`.
            _ = try await test.loops.counters()
            for loop in test.loops.all {
                let limits = try await loop.eventLoop.submit { loop.tables.map(\.options.maxBufferedOutput) }.get()
                #expect(limits == [77, 77, max(77, 16_777_216)])
            }
            let client = test.client()
            client.send(Self.handshake)
            #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 503"))
            #expect(Self.post(test.client(), "/anything", String(repeating: "x", count: 11)) == "HTTP/1.1 413")
            for socket in sockets { Self.join(socket) }
            options.maxSessions = 4
            test.server.adopt(options)
            let other = Self.webSocket(test)
            // Its limit is 10 bytes until it has joined a namespace.
            other.send(ClientFrame.text("40/a,\(String(repeating: "x", count: 20))"))
            #expect(other.frame()?.first == 0x88)
        }
    }

    private static func get(_ client: RawClient, _ target: String) -> String {
        client.forget()
        client.send("GET \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return client.readToEnd()
    }

    private static func onLoop<Result: Sendable>(_ test: TestServer, _ body: @escaping @Sendable (Loop) -> Result)
        async throws -> Result
    {
        let loop = test.loops.all[0]
        return try await loop.eventLoop.submit { body(loop) }.get()
    }

    // MARK: - Before joining

    @Test func `a client may send large messages only after it has joined a namespace`() async throws {
        try await TestServer.run { test in
            let unauthenticated = Self.webSocket(test)
            unauthenticated.send(ClientFrame.make(opcode: 1, [0x34], declare: 65_537))
            #expect(unauthenticated.frame()?.payload == [0x03, 0xF1])
            let fragments = Self.webSocket(test)
            fragments.send(ClientFrame.make(opcode: 1, [UInt8](repeating: 0x34, count: 60_000), isFinal: false))
            fragments.send(ClientFrame.make(opcode: 0, [UInt8](repeating: 0x34, count: 60_000)))
            #expect(fragments.frame()?.payload == [0x03, 0xF1])

            let joined = Self.webSocket(test)
            Self.join(joined)
            joined.send(ClientFrame.text("42[\"a\",\"\(String(repeating: "x", count: 900_000))\"]"))
            // The large message arrives in one read with the packet that joins the namespace.
            let joining = Self.webSocket(test)
            joining.send(
                ClientFrame.text("40") + ClientFrame.text("42[\"a\",\"\(String(repeating: "x", count: 100_000))\"]"))
            for client in [joined, joining] {
                if client === joining { #expect(client.textFrame()?.hasPrefix("40{") == true) }
                client.send(ClientFrame.make(opcode: 9, [1]))
                #expect(client.frame()?.first == 0x8A)
            }
        }
    }

    @Test(arguments: [1, 2])
    func `a session may send large POSTs only after it has joined a namespace`(loops: Int) async throws {
        try await TestServer.run(loops: loops) { test in
            let opener = test.client()
            let session = Self.polling(opener)
            // With several loops, some connections are on another loop than the session.
            let clients = (0..<4).map { _ in test.client() }
            for client in clients {
                #expect(Self.post(client, session, String(repeating: "4", count: 65_537)) == "HTTP/1.1 413")
            }
            #expect(Self.post(clients[0], session, "40") == "HTTP/1.1 200")
            for client in clients {
                #expect(
                    Self.post(client, session, "42[\"a\",\"\(String(repeating: "x", count: 900_000))\"]")
                        == "HTTP/1.1 200")
            }
            let counters = try await test.loops.counters()
            #expect(counters.refusedBodies == 4)
            for client in clients {
                #expect(Self.post(client, session, String(repeating: "4", count: 1_000_001)) == "HTTP/1.1 413")
            }
            let chunked = test.client()
            chunked.send(
                "POST \(session) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n42[\r\n4\r\n\"a\"]\r\n0\r\n\r\n"
            )
            #expect(chunked.read(until: "ok").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `the echoes of the test suites accept large messages without a namespace`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            #expect(client.upgrade("/engine.io/?EIO=4&transport=websocket"))
            _ = client.textFrame()
            let text = "4" + String(repeating: "x", count: 900_000)
            client.send(ClientFrame.text(text))
            #expect(client.textFrame() == text)
        }
    }

    @Test func `a refused request is answered before its body arrives, and the body is not kept`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            client.send("POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\nExpect: 100-continue\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 401 "))
            client.send([UInt8](repeating: 0x78, count: 500_000))
            try await Task.sleep(for: .milliseconds(50))
            #expect(try await Self.onLoop(test) { $0.account.held } == 0)
            client.send([UInt8](repeating: 0x78, count: 400_000))
            client.forget()
            client.send("POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 401 "))
        }
    }

    // MARK: - Sessions and connections

    @Test func `sessions above the limit are refused with 503 and counted, until others have ended`()
        async throws
    {
        try await TestServer.run({ $0.maxSessions = 3 }) { test in
            let first = Self.webSocket(test)
            let opener = test.client()
            let targets = [Self.polling(opener), Self.polling(opener)]
            #expect(targets.allSatisfy { !$0.hasSuffix("none") })
            let refused = Self.get(test.client(), "/socket.io/?EIO=4&transport=polling")
            #expect(refused.hasPrefix("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"))
            #expect(refused.hasSuffix("\r\n\r\n{\"code\":6,\"message\":\"Too many sessions\"}"))
            let webSocket = test.client()
            #expect(!webSocket.upgrade("/socket.io/?EIO=4&transport=websocket"))
            #expect(webSocket.readToEnd().hasSuffix("Too many sessions"))
            let counters = try await test.loops.counters()
            #expect(counters.refusedSessions == 2)
            #expect(counters.refusedHandshakes[HandshakeError.overloaded.rawValue] == 2)
            // An ended session makes room for a new one.
            _ = first
            #expect(Self.post(opener, targets[0], "1") == "HTTP/1.1 200")
            #expect(Self.get(test.client(), "/socket.io/?EIO=4&transport=polling").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `the sessions and connections of one address are limited if options say so`() async throws {
        try await TestServer.run({ $0.maxSessionsPerAddress = 2 }) { test in
            let first = Self.webSocket(test)
            let second = Self.webSocket(test)
            #expect(
                Self.get(test.client(), "/socket.io/?EIO=4&transport=polling").hasSuffix(
                    "{\"code\":6,\"message\":\"Too many sessions from this address\"}"))
            let counters = try await test.loops.counters()
            #expect(counters.refusedSessionsOfAddress == 1)
            withExtendedLifetime((first, second)) {}
        }
        try await TestServer.run({ $0.maxConnectionsPerAddress = 2 }) { test in
            var clients = [test.client(), test.client()]
            for client in clients {
                client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                client.read(until: "hello")
            }
            let refused = test.client()
            #expect(refused.readToEnd().isEmpty)
            let counters = try await test.loops.counters()
            #expect(counters.refusedConnectionsOfAddress == 1)
            clients = []
            for _ in 0..<100 where test.server.connectionCount > 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(Self.get(test.client(), "/hello").hasSuffix("hello"))
        }
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "127.0.0.2", false), ("2001:db8::1", "2001:db8::2", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
        ("::ffff:10.0.0.1", "10.0.0.1", true), ("::ffff:10.0.0.1", "::ffff:10.0.0.2", false),
        ("::1", "127.0.0.1", false), ("", "?", true),
    ])
    func `an address is one IPv4 address or one IPv6 network of 64 bits`(one: String, other: String, isSame: Bool) {
        #expect((NetworkAddress(one) == NetworkAddress(other)) == isSame)
    }

    @Test func `unconnected sessions of one connection are displaced by its own, and displace no others`()
        async throws
    {
        try await TestServer.run { test in
            let honest = Self.polling(test.client())
            let flooder = test.client()
            for _ in 0..<20 {
                flooder.send(String(repeating: Self.handshake, count: 100))
                flooder.forget()
                while flooder.string.count(of: "HTTP/1.1 200") < 100, flooder.read() {}
            }
            let sessions = try await Self.onLoop(test) { $0.tables[0].count }
            #expect(sessions <= OpenedSessions.capacity + 1)
            let counters = try await test.loops.counters()
            #expect(counters.sessions == 2_001)
            #expect(Int(counters.displacedSessions) == 2_001 - sessions)
            #expect(Self.post(test.client(), honest, "40") == "HTTP/1.1 200")
        }
    }

    // MARK: - Memory

    @Test func `when memory is used up, the youngest unauthenticated clients are closed and no others`() async throws {
        try await TestServer.run({ $0.memory = 4 << 20 }) { test in
            let joinedClients = (0..<3).map { _ in Self.webSocket(test) }
            for joined in joinedClients {
                Self.join(joined)
                joined.send(ClientFrame.make(opcode: 2, [UInt8](repeating: 0, count: 900_000), isFinal: false))
            }
            let known = test.client()
            known.send(
                "POST /known HTTP/1.1\r\nHost: x\r\nContent-Length: 500001\r\n\r\n"
                    + String(repeating: "k", count: 500_000))
            let old = test.client()
            old.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 50001\r\n\r\n"
                    + String(repeating: "o", count: 50_000))
            var unauthenticatedClients: [RawClient] = []
            for number in 0..<60 {
                let unauthenticated = number % 2 == 0 ? Self.webSocket(test) : test.client()
                if number % 2 == 0 {
                    unauthenticated.send(
                        ClientFrame.make(opcode: 1, [UInt8](repeating: 0x34, count: 60_000), isFinal: false))
                } else {
                    unauthenticated.send(
                        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60001\r\n\r\n"
                            + String(repeating: "x", count: 60_000))
                }
                unauthenticatedClients.append(unauthenticated)
            }
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await Self.onLoop(test) { $0.account.held } <= 4 << 20)
            let counters = try await test.loops.counters()
            #expect(counters.closedUnauthenticated > 5)
            #expect(counters.closedUnauthenticated < 60)
            #expect(counters.closedSlowReaders == 0)
            for joined in joinedClients {
                joined.send(ClientFrame.make(opcode: 9, [1]))
                #expect(joined.frame()?.first == 0x8A)
            }
            known.send("k")
            while known.received.count < 500_001, known.read(timeout: 5_000) {}
            #expect(known.string.hasPrefix("HTTP/1.1 200"))
            old.send("o")
            #expect(old.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
            #expect(unauthenticatedClients.filter { !$0.read(timeout: 0) && $0.isAtEnd }.count > 5)
        }
    }

    @Test func `the memory account is zero when all clients have disconnected`() async throws {
        try await TestServer.run({ $0.deflate = DeflateOptions() }) { test in
            var clients: [RawClient] = []
            for _ in 0..<5 {
                let socket = Self.webSocket(test)
                socket.send(ClientFrame.make(opcode: 1, [UInt8](repeating: 0x34, count: 60_000), isFinal: false))
                let request = test.client()
                request.send(
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60001\r\n\r\n"
                        + String(repeating: "x", count: 60_000))
                let head = test.client()
                head.send("GET /hello HTTP/1.1\r\nX: " + String(repeating: "x", count: 10_000))
                let reader = test.client(receiveBuffer: 4096)
                reader.send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                clients += [socket, request, head, reader]
            }
            try await Task.sleep(for: .milliseconds(100))
            #expect(try await Self.onLoop(test) { $0.account.held } > 5 * (60_000 + 60_000 + 10_000 + 8_000_000))
            clients = []
            for _ in 0..<200 where test.server.connectionCount > 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(try await Self.onLoop(test) { $0.account.held } == 0)
        }
    }

    @Test func `when memory is used up by authenticated clients, the slowest readers are closed`() async throws {
        try await TestServer.run({ $0.memory = 32 << 20 }) { test in
            let readers = (0..<4).map { _ in test.client(receiveBuffer: 4096) }
            for reader in readers { reader.send("GET /known-huge HTTP/1.1\r\nHost: x\r\n\r\n") }
            for _ in 0..<200 {
                guard try await Self.onLoop(test, { $0.counters.closedSlowReaders }) == 0 else { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            let counters = try await test.loops.counters()
            #expect(counters.closedSlowReaders >= 1)
            #expect(counters.closedSlowReaders <= 3)
            #expect(counters.closedUnauthenticated == 0)
            #expect(try await Self.onLoop(test) { $0.account.held } <= 32 << 20)
        }
    }
}
