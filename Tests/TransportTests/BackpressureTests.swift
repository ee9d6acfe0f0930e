import Glibc
import Synchronization
import Testing

@testable import Transport

/// Clients that send requests and do not read the answers.
@Suite(.serialized, .timeLimit(.minutes(2))) struct BackpressureTests {
    private static let large = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"

    /// What all HTTP connections of the server hold of output; bytes.
    private static func waiting(_ test: TestServer) async throws -> Int {
        try await test.loops.all[0].eventLoop.submit {
            test.loops.all[0].connections.values.reduce(0) { $0 + $1.waitingBytes }
        }.get()
    }

    @Test func `no further request is looked at while an answer waits, and all are answered once the client reads`()
        async throws
    {
        try await TestServer.run { test in
            let client = test.client(receiveBuffer: 4096)
            let requests = 200
            client.send(String(repeating: Self.large, count: requests))
            // The kernel takes what its buffers hold; of the rest one answer waits.
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

    @Test func `a client that takes nothing of an answer is cut off in time, and counted`() async throws {
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

    @Test func `a client that reads slowly, but reads, is not cut off`() async throws {
        try await TestServer.run({
            $0.bodyTimeout = 400
            $0.lingerTimeout = 100
        }) { test in
            let client = test.client(receiveBuffer: 65_536)
            client.send("GET /huge HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            // Ten times as long as it may take nothing.
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

    @Test func `a client that ends in the middle of its unread answers is let go`() async throws {
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

    @Test func `the answers to a polling client's requests wait for it likewise`() async throws {
        try await TestServer.run { test in
            let client = test.client(receiveBuffer: 4096)
            let requests = Array(
                String(repeating: "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n", count: 200_000)
                    .utf8)
            // The server stops to read.
            let sent = client.sendSome(requests)
            #expect(sent < requests.count)
            for _ in 0..<20 {
                #expect(try await Self.waiting(test) <= 32_768)
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    @Test func `a stream's writer is told when its reader has caught up, and when it has gone`() async throws {
        try await TestServer.run({ $0.maxStreamBuffer = 100_000 }) { test in
            var client: RawClient? = test.client(receiveBuffer: 4096)
            client?.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            let stream = try await test.application.stream()
            let drained = Atomic<Int>(0)
            let gone = Atomic<Int>(0)
            stream.onDrain { drained.add(1, ordering: .relaxed) }
            stream.onGone { gone.add(1, ordering: .relaxed) }
            // Nobody is told of room that was there all the time.
            #expect(stream.write(Array("one".utf8)) == .accepted)
            client?.read(until: "3\r\none\r\n")
            try await Task.sleep(for: .milliseconds(20))
            #expect(drained.load(ordering: .relaxed) == 0)

            let piece = [UInt8](repeating: 0x78, count: 90_000)
            var isFull = false
            for _ in 0..<100_000 where !isFull {
                guard stream.write(piece) == .full else { continue }
                // Full because of the kernel, and not of this loop's haste.
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

    @Test func `nobody is told that the reader of a finished stream has gone`() async throws {
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

    @Test func `the reader of a stream that takes nothing is cut off in time, one that has nothing to read is not`()
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
