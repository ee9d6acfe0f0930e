import Glibc
import Synchronization
import Testing

@testable import Transport

/// Clients that send requests and do not read the answers.
@Suite(.serialized, .timeLimit(.minutes(2))) struct BackpressureTests {
    private static let large = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"

    /// Unsent output of all connections of the server; bytes.
    private static func waiting(_ test: TestServer) async throws -> Int {
        try await test.loops.all[0].eventLoop.submit {
            test.loops.all[0].connections.values.reduce(0) { $0 + $1.waitingBytes }
        }.get()
    }

    @Test func `no request is handled while a large answer is unread, and all are answered once the client reads`()
        async throws
    {
        try await TestServer.run { test in
            let client = test.client(receiveBuffer: 4096)
            let requests = 200
            client.send(String(repeating: Self.large, count: requests))
            // What does not fit the kernel's buffers is held by the server: one answer and 16 KB of earlier ones.
            for _ in 0..<20 {
                #expect(try await Self.waiting(test) <= TestApplication.large.count + 16_384 + 1_000)
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(test.application.answered.load(ordering: .relaxed) < requests)
            client.read(count: requests * TestApplication.large.count)
            while client.string.count(of: "HTTP/1.1 200") < requests, client.read() {}
            #expect(client.string.count(of: "HTTP/1.1 200") == requests)
            #expect(test.application.answered.load(ordering: .relaxed) == requests)
        }
    }

    @Test func `a client whose answers the kernel takes at once gets one of them before others are read`() async throws
    {
        try await TestServer.run { test in
            let (client, other) = (test.client(), test.client())
            other.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            other.read()
            // On the loop's thread, so that the loop has not looked at its connections since.
            let (descriptor, application) = (other.descriptor, test.application)
            application.onLarge.withLock {
                $0 = { [unowned application] in
                    guard application.answered.load(ordering: .relaxed) == 1 else { return }
                    let request = "GET /answered HTTP/1.1\r\nHost: x\r\n\r\n"
                    _ = send(descriptor, request, request.utf8.count, 0)
                }
            }
            client.send(String(repeating: Self.large, count: 10))
            while other.string.count(of: "HTTP/1.1 200") < 2, other.read() {}
            let answered = try #require(other.string.split(separator: "\r\n\r\n").last.flatMap { Int($0) })
            #expect(answered <= 3)
            while client.string.count(of: "HTTP/1.1 200") < 10, client.read() {}
        }
    }

    @Test func `a client that reads nothing of an answer is disconnected after bodyTimeout, and counted`() async throws
    {
        try await TestServer.run({ $0.bodyTimeout = 300 }) { test in
            let client = test.client(receiveBuffer: 4096)
            client.send(String(repeating: Self.large, count: 200))
            client.read(count: 1)
            for _ in 0..<200 where test.server.connectionCount > 0 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(test.server.connectionCount == 0)
            let counters = try await test.loops.counters()
            #expect(counters.slowReaders == 1)
            withExtendedLifetime(client) {}
        }
    }

    @Test(arguments: [true, false])
    func `a client that reads an answer slowly is not disconnected`(closes: Bool) async throws {
        try await TestServer.run({
            $0.bodyTimeout = 400
            $0.keepAliveTimeout = 400
            $0.lingerTimeout = 100
        }) { test in
            let client = test.client(receiveBuffer: 65_536)
            if closes {
                client.send("GET /huge HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            } else {
                client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
                let responder = try await test.application.waitingResponder()
                #expect(responder.respond(status: 200, headers: [], body: TestApplication.huge))
            }
            // Ten times as long as bodyTimeout.
            let pieces = 40
            for _ in 0..<pieces {
                client.read(limit: TestApplication.huge.count / pieces)
                usleep(100_000)
            }
            client.readToEnd()
            #expect(client.received.count > TestApplication.huge.count)
            #expect(client.isAtEnd)
        }
    }

    @Test func `the connection of a client that disconnects before reading its answers is freed`() async throws {
        try await TestServer.run { test in
            var client: RawClient? = test.client(receiveBuffer: 4096)
            client?.send(String(repeating: Self.large, count: 200))
            client?.read(count: 1)
            try await Task.sleep(for: .milliseconds(50))
            client = nil
            for _ in 0..<200 where test.server.connectionCount > 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(test.server.connectionCount == 0)
            #expect(try await Self.waiting(test) == 0)
        }
    }

    @Test func `no polling request is handled while the answers before it are unread`() async throws {
        try await TestServer.run { test in
            let client = test.client(receiveBuffer: 4096)
            let requests = Array(
                String(repeating: "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n", count: 200_000)
                    .utf8)
            // The server stops reading.
            let sent = client.sendSome(requests)
            #expect(sent < requests.count)
            for _ in 0..<20 {
                #expect(try await Self.waiting(test) <= 32_768)
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    @Test func `a stream calls onDrain when everything has been read, and onGone when the client disconnects`()
        async throws
    {
        try await TestServer.run({ $0.maxStreamBuffer = 100_000 }) { test in
            var client: RawClient? = test.client(receiveBuffer: 4096)
            client?.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            let stream = try await test.application.stream()
            let drained = Atomic<Int>(0)
            let gone = Atomic<Int>(0)
            stream.onDrain { drained.add(1, ordering: .relaxed) }
            stream.onGone { gone.add(1, ordering: .relaxed) }
            // onDrain is not called unless a piece was refused.
            #expect(stream.write(Array("one".utf8)) == .accepted)
            client?.read(until: "3\r\none\r\n")
            try await Task.sleep(for: .milliseconds(20))
            #expect(drained.load(ordering: .relaxed) == 0)

            let piece = [UInt8](repeating: 0x78, count: 90_000)
            var isFull = false
            for _ in 0..<100_000 where !isFull {
                guard stream.write(piece) == .full else { continue }
                // It may be full because the loop has not written yet. Then write again until the kernel is full.
                try await Task.sleep(for: .milliseconds(20))
                isFull = stream.write(piece) == .full
            }
            #expect(isFull)
            let before = drained.load(ordering: .relaxed)
            for _ in 0..<500 where drained.load(ordering: .relaxed) == before { client?.read(timeout: 10) }
            #expect(drained.load(ordering: .relaxed) == before + 1)
            #expect(stream.write(piece) == .accepted)

            client = nil
            for _ in 0..<200 where gone.load(ordering: .relaxed) == 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(gone.load(ordering: .relaxed) == 1)
            #expect(stream.write(piece) == .gone)
            let late = Atomic<Int>(0)
            stream.onGone { late.add(1, ordering: .relaxed) }
            #expect(late.load(ordering: .relaxed) == 1)
        }
    }

    @Test func `a finished stream does not call onGone when its reader disconnects`() async throws {
        try await TestServer.run { test in
            var client: RawClient? = test.client()
            client?.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            let stream = try await test.application.stream()
            let gone = Atomic<Int>(0)
            stream.onGone { gone.add(1, ordering: .relaxed) }
            stream.end()
            client?.read(until: "0\r\n\r\n")
            client = nil
            for _ in 0..<100 where test.server.connectionCount > 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(gone.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `a stream's reader is disconnected if it reads nothing, but not if there is nothing to read`()
        async throws
    {
        try await TestServer.run({
            $0.bodyTimeout = 300
            $0.maxStreamBuffer = 1 << 20
        }) { test in
            let (deaf, idle) = (test.client(receiveBuffer: 4096), test.client())
            deaf.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            let unread = try await test.application.stream()
            idle.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            let quiet = try await test.application.stream()
            let piece = [UInt8](repeating: 0x78, count: 100_000)
            for _ in 0..<200 where unread.write(piece) != .gone { try await Task.sleep(for: .milliseconds(10)) }
            #expect(unread.write(piece) == .gone)
            #expect(quiet.write(Array("still here".utf8)) == .accepted)
            #expect(idle.read(until: "still here\r\n").hasSuffix("still here\r\n"))
            let counters = try await test.loops.counters()
            #expect(counters.slowReaders == 1)
        }
    }
}
