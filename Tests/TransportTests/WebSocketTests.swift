import Testing

@testable import Transport

@Suite(.serialized, .timeLimit(.minutes(2))) struct WebSocketTests {
    @Test func `frames that follow the request in the same segment are not lost`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            #expect(client.upgrade("/ws-echo", early: ClientFrame.text("early")))
            #expect(client.textFrame() == "early")
        }
    }

    @Test func `messages of every size are echoed`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            #expect(client.upgrade("/ws-echo"))
            for size in [0, 1, 125, 126, 65_535, 65_536, 3_000_000] {
                client.send(ClientFrame.make(opcode: 2, [UInt8](repeating: 7, count: size)))
                let frame = client.frame()
                #expect(frame?.first == 0x82)
                #expect(frame?.payload.count == size)
            }
        }
    }

    @Test func `the closing handshake echoes the code, and the connection ends`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            #expect(client.upgrade("/ws-echo"))
            client.send(ClientFrame.close(3001) + ClientFrame.text("late"))
            let frame = client.frame()
            #expect(frame?.first == 0x88)
            #expect(frame?.payload == [0x0B, 0xB9])
            #expect(client.readToEnd().isEmpty)
            #expect(client.isAtEnd)
        }
    }

    @Test func `a violation is answered with its code`() async throws {
        try await TestServer.run { test in
            for (bytes, code) in [
                (ClientFrame.make(opcode: 1, [0x34], key: nil), 1002), (ClientFrame.make(opcode: 1, [0xFF]), 1007),
                (ClientFrame.make(opcode: 2, [], declare: 20_000_000), 1009),
            ] {
                let client = test.client()
                #expect(client.upgrade("/ws-echo"))
                client.send(bytes)
                let frame = client.frame()
                #expect(frame?.first == 0x88)
                #expect(frame?.payload == [UInt8(code >> 8), UInt8(code & 0xFF)])
                client.readToEnd()
                #expect(client.isAtEnd)
            }
        }
    }

    @Test func `a ping is answered between the fragments of a message`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            #expect(client.upgrade("/ws-echo"))
            client.send(
                ClientFrame.text("a", isFinal: false) + ClientFrame.make(opcode: 9, [1, 2])
                    + ClientFrame.make(opcode: 0, [0x62]))
            let pong = client.frame()
            #expect(pong?.first == 0x8A)
            #expect(pong?.payload == [1, 2])
            #expect(client.textFrame() == "ab")
        }
    }

    @Test func `a refusal is 400 in HTML`() async throws {
        try await TestServer.run { test in
            for (target, message) in [
                ("/engine.io/?EIO=4", "Transport unknown"),
                ("/engine.io/?EIO=4&transport=websocket&sid=none", "Session ID unknown"),
                ("/engine.io/?EIO=3&transport=websocket", "Unsupported protocol version"),
            ] {
                let client = test.client()
                #expect(!client.upgrade(target))
                client.readToEnd()
                #expect(client.string.hasSuffix(message))
            }
        }
    }

    /// With tiny buffers and a sleeping reader, the kernel accepts a part of a frame, NIO writes the rest, and direct
    /// sends resume later.
    @Test func `order survives short writes, in the middle of frames too`() async throws {
        try await TestServer.run { test in
            let client = test.client(receiveBuffer: 2048)
            #expect(client.upgrade("/ws-echo"))
            let count = 24_000
            var expected = 0
            for burst in 0..<10 {
                var bytes: [UInt8] = []
                for index in 0..<(count / 10) {
                    let number = burst * (count / 10) + index
                    bytes += ClientFrame.text("\(number) " + String(repeating: "x", count: number % 700))
                }
                client.send(bytes)
                // Let the server fill the socket before anything is read.
                try await Task.sleep(for: .milliseconds(10))
            }
            while expected < count {
                guard let text = client.textFrame() else { break }
                guard text.hasPrefix("\(expected) "), text.utf8.count == "\(expected) ".utf8.count + expected % 700
                else {
                    Issue.record("frame \(expected) is \(text.prefix(20))")
                    return
                }
                expected += 1
            }
            #expect(expected == count)
            let counters = try await test.loops.counters()
            #expect(counters.shortWrites > 0)
        }
    }

    @Test func `a client that never reads is disconnected, and other clients are not affected`() async throws {
        try await TestServer.run({
            $0.engine.maxBufferedOutput = 100_000
            $0.conformance?.maxMessage = 100_000
        }) { test in
            let slow = test.client(receiveBuffer: 2048)
            #expect(slow.upgrade("/engine.io/?EIO=4&transport=websocket"))
            let other = test.client()
            #expect(other.upgrade("/ws-echo"))
            let message = ClientFrame.text("4" + String(repeating: "x", count: 50_000))
            for _ in 0..<400 { slow.send(message) }
            other.send(ClientFrame.text("hello"))
            #expect(other.textFrame() == "hello")
            for _ in 0..<200 where test.server.connectionCount > 1 {
                // The server sends FIN behind the buffered output; the linger timeout closes the connection if the
                // client does not read up to it.
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(test.server.connectionCount == 1)
        }
    }

    @Test func `an upgrade finds its session on any loop`() async throws {
        try await TestServer.run(loops: 3) { test in
            for round in 0..<30 {
                let poller = test.client()
                poller.send("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
                poller.read(until: "}")
                let sid = String(poller.string.split(separator: "\"sid\":\"")[1].prefix(20))
                poller.forget()
                // Connections are assigned to the loops in turn, so both kinds of request arrive on other loops too.
                let poster = test.client()
                poster.send(
                    "POST /engine.io/?EIO=4&transport=polling&sid=\(sid) HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n4a\(round % 10)"
                )
                #expect(poster.read(until: "ok").hasSuffix("\r\n\r\nok"))
                poller.send("GET /engine.io/?EIO=4&transport=polling&sid=\(sid) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(poller.read(until: "4a\(round % 10)").hasSuffix("4a\(round % 10)"))
                let socket = test.client()
                #expect(
                    socket.upgrade(
                        "/engine.io/?EIO=4&transport=websocket&sid=\(sid)", early: ClientFrame.text("2probe")))
                #expect(socket.textFrame() == "3probe")
                socket.send(ClientFrame.text("5") + ClientFrame.text("4hello"))
                #expect(socket.textFrame() == "4hello")
                poller.forget()
                poller.send("GET /engine.io/?EIO=4&transport=polling&sid=\(sid) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(poller.read(until: "}").hasSuffix(#"{"code":3,"message":"Bad request"}"#))
            }
        }
    }

    @Test func `an abandoned poll ends its session from any loop`() async throws {
        try await TestServer.run(loops: 2) { test in
            for _ in 0..<10 {
                let first = test.client()
                first.send("GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n")
                first.read(until: "}")
                let sid = String(first.string.split(separator: "\"sid\":\"")[1].prefix(20))
                var poller: RawClient? = test.client()
                poller?.send("GET /engine.io/?EIO=4&transport=polling&sid=\(sid) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(poller?.read(timeout: 30) == false)
                poller = nil
                try await Task.sleep(for: .milliseconds(20))
                first.forget()
                first.send("GET /engine.io/?EIO=4&transport=polling&sid=\(sid) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(first.read(until: "}").hasSuffix(#"{"code":1,"message":"Session ID unknown"}"#))
            }
        }
    }

    @Test func `a client that does not answer the close frame does not delay a stop`() async throws {
        try await TestServer.run { test in
            let deaf = test.client()
            #expect(deaf.upgrade("/engine.io/?EIO=4&transport=websocket"))
            #expect(deaf.textFrame()?.hasPrefix("0{") == true)
            await test.server.stopAccepting()
            let clock = ContinuousClock()
            let began = clock.now
            await test.server.drain(deadline: .seconds(15))
            // Without the timeout for close frames, the whole deadline would pass.
            #expect(clock.now - began < .seconds(8))
            #expect(deaf.frame()?.first == 0x88)
            deaf.readToEnd()
            #expect(deaf.isAtEnd)
            let counters = try await test.loops.counters()
            #expect(counters.unansweredCloses == 1)
        }
    }

    @Test func `a client that still reads output before the close frame is not disconnected`() async throws {
        try await TestServer.run { test in
            let slow = test.client(receiveBuffer: 65_536)
            #expect(slow.upgrade("/engine.io/?EIO=4&transport=websocket"))
            #expect(slow.textFrame()?.hasPrefix("0{") == true)
            let size = 7_000_000
            try await test.loops.all[0].eventLoop.submit {
                for session in test.loops.all[0].tables[1].all {
                    session.send(textCount: size, compress: false) {
                        $0.initializeMemory(as: UInt8.self, repeating: 0x78)
                    }
                    session.close(.forcedClose)
                }
            }.get()
            // Longer than the timeout of the close frame.
            for _ in 0..<30 {
                slow.read(limit: 100_000)
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(slow.frame()?.payload.count == size + 1)
            #expect(slow.frame()?.first == 0x88)
        }
    }

    @Test func `a server that stops closes its clients cleanly`() async throws {
        try await TestServer.run(loops: 2) { test in
            let sockets = (0..<4).map { _ in test.client() }
            for socket in sockets {
                #expect(socket.upgrade("/engine.io/?EIO=4&transport=websocket"))
                #expect(socket.textFrame()?.hasPrefix("0{") == true)
            }
            let idle = test.client()
            idle.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.read(until: "hello")
            await test.server.stopAccepting()
            async let drained: Void = test.server.drain(deadline: .seconds(5))
            for socket in sockets {
                #expect(socket.frame()?.first == 0x88)
                socket.send(ClientFrame.make(opcode: 8, []))
                socket.readToEnd()
                #expect(socket.isAtEnd)
            }
            idle.readToEnd()
            #expect(idle.isAtEnd)
            await drained
        }
    }
}
