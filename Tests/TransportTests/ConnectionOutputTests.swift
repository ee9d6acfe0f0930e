import Glibc
import NIOCore
import Testing

@testable import Transport

struct ConnectionOutputTests {
    @Test(
        "nothing is written to a descriptor that was closed before the end of the tick, even if its number is reused",
        .timeLimit(.minutes(1)),
        arguments: [true, false])
    func reusedNumber(ring: Bool) async throws {
        try await TestServer.run({ $0.usesIOURing = ring }) { test in
            let loop = test.loops.all[0]
            let clients = (0..<20).map { _ in test.client() }
            for client in clients { #expect(client.upgrade("/ws-echo")) }
            // Another descriptor may get the number before the squatter: then retry with the next connection.
            var squatter: Squatter?
            for _ in 0..<10 where squatter == nil {
                squatter = try await loop.eventLoop.submit {
                    let outputs = Self.outputs(of: loop)
                    // No handler calls `channelClosed()` of this one.
                    let unwatched = ConnectionOutput(loop: loop, channel: outputs[0].channel, isEncrypted: false)
                    for output in outputs + [unwatched] { output.append("hi") }
                    let number = try #require(Self.descriptor(of: outputs[0]))
                    outputs[0].channel.close(promise: nil)
                    return Squatter(at: number)
                }.get()
            }
            let someoneElse = try #require(squatter)
            // This job was enqueued later, so the tick has ended when it has run.
            try await loop.eventLoop.submit {}.get()
            #expect(someoneElse.received == 0)
            let isServing = try await loop.eventLoop.submit { !Self.outputs(of: loop).isEmpty }.get()
            #expect(isServing)
        }
    }

    @Test(
        "bytes that other connections append during a send are sent behind it", .timeLimit(.minutes(1)),
        arguments: [true, false])
    func appendedWhileSending(ring: Bool) async throws {
        try await TestServer.run({ $0.usesIOURing = ring }) { test in
            let loop = test.loops.all[0]
            let slow = test.client(receiveBuffer: 2048)
            #expect(slow.upgrade("/ws-echo"))
            let slowOutput = try await loop.eventLoop.submit {
                NIOLoopBound(Self.outputs(of: loop)[0], eventLoop: loop.eventLoop)
            }.get()
            let others = (0..<20).map { _ in test.client() }
            for client in others { #expect(client.upgrade("/ws-echo")) }
            let size = 4 << 20
            try await loop.eventLoop.submit {
                let slowOutput = slowOutput.value
                for output in Self.outputs(of: loop) where output !== slowOutput {
                    output.append("hi")
                    output.onDrained = {
                        output.onDrained = nil
                        slowOutput.append("!")
                    }
                }
                // More than the kernel accepts at once.
                [UInt8](repeating: 0x2E, count: size).withUnsafeBytes { slowOutput.append($0) }
            }.get()
            slow.read(count: size + others.count)
            #expect(slow.received.count == size + others.count)
            #expect(slow.received.prefix(size).allSatisfy { $0 == 0x2E })
            #expect(slow.received.dropFirst(size).allSatisfy { $0 == 0x21 })
        }
    }

    @Test func `bytes that the ring is sending are not sent again, and the rest of them is sent first`() async throws {
        try await TestServer.run { test in
            let loop = test.loops.all[0]
            let client = test.client()
            #expect(client.upgrade("/ws-echo"))
            try await loop.eventLoop.submit {
                let output = Self.outputs(of: loop)[0]
                output.append("0123456789")
                let sending = try #require(output.beginSending())
                #expect(send(sending.descriptor, sending.bytes.baseAddress, 4, 0) == 4)
                output.append("!")
                output.flushSeparately()
                output.flush()
                #expect(output.beginSending() == nil)
                if output.took(4, of: 10) { output.finish(4, of: 10) }
            }.get()
            client.read(count: 11)
            #expect(client.string == "0123456789!")
        }
    }

    /// [loop]
    private static func outputs(of loop: Loop) -> [ConnectionOutput] {
        loop.connections.values.compactMap { ($0 as? WebSocketHandler)?.output }
    }

    private static func descriptor(of output: ConnectionOutput) -> CInt? {
        try? output.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
    }

    /// A socket whose descriptor has the number of a closed one.
    private final class Squatter: Sendable {
        private let near: CInt
        private let far: CInt

        init?(at number: CInt) {
            var pair: [CInt] = [-1, -1]
            guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair) == 0 else { return nil }
            if pair[1] == number { pair.swapAt(0, 1) }
            far = pair[1]
            guard pair[0] != number else {
                near = number
                return
            }
            // `dup2` would close a descriptor that has got this number meanwhile.
            near = fcntl(pair[0], F_DUPFD, number)
            close(pair[0])
            guard near == number else { return nil }
        }

        deinit {
            close(near)
            close(far)
        }

        /// Bytes that were written to the closed descriptor's number.
        var received: Int {
            var waiting: CInt = 0
            let code = ioctl(far, UInt(FIONREAD), &waiting)
            precondition(code == 0, "FIONREAD of a socket: errno \(errno)")
            return Int(waiting)
        }
    }
}
