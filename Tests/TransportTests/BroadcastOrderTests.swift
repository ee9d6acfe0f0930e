import EngineIO
import SocketIO
import Testing

@testable import Transport

/// Checks the order of broadcasts while the sockets are full most of the time.
@Suite(.serialized)
struct BroadcastOrderTests {
    private static let clients = 1000
    private static let messages = 60

    @Test(
        "a thousand slow readers with tiny buffers get every message once and in order", .timeLimit(.minutes(3)),
        arguments: [(ring: true, loops: 1), (ring: false, loops: 1), (ring: true, loops: 2)])
    func order(ring: Bool, loops: Int) async throws {
        try await TestServer.run(loops: loops, { $0.usesIOURing = ring }) { test in
            var clients: [RawClient] = []
            for _ in 0..<Self.clients {
                let client = test.client(receiveBuffer: 2048)
                #expect(client.upgrade("/socket.io/?EIO=4&transport=websocket"))
                _ = client.frame()
                client.send(ClientFrame.text("40"))
                #expect(client.textFrame()?.hasPrefix("40{") == true)
                clients.append(client)
            }
            for loop in test.loops.all { try await loop.eventLoop.submit { try Self.shrinkBuffers(of: loop) }.get() }
            for number in 0..<Self.messages {
                for loop in test.loops.all { loop.execute { shard in Self.send(number, on: shard) } }
                // Some ticks send one message, some send several.
                if number % 3 == 0 { try await Task.sleep(for: .milliseconds(5)) }
            }
            // All clients read one message before any reads the next: the kernel probes the window of a client that
            // has not read for long more and more rarely.
            for number in 0..<Self.messages {
                let expected = "42[\"n\",\(number),\"\(Self.filling(number))\"]"
                for (index, client) in clients.enumerated() {
                    let text = client.textFrame()
                    guard text == expected else {
                        Issue.record(
                            "client \(index) read \(text?.prefix(20) ?? "nothing") where message \(number) is due")
                        return
                    }
                }
            }
            let counters = try await test.loops.counters()
            // The kernel's buffers were full often, within frames and between them.
            #expect(counters.shortWrites > Self.clients / 2)
        }
    }

    /// [loop] Shrinks the kernel's send buffers to a few messages for each client.
    private static func shrinkBuffers(of loop: Loop) throws {
        for case let connection as WebSocketHandler in loop.connections.values {
            try connection.output.channel.syncOptions?.setOption(.socketOption(.so_sndbuf), value: 2048)
        }
    }

    /// Sends to all clients as a broadcast, or to each by itself. Several calls may share a tick.
    private static func send(_ number: Int, on shard: Shard) {
        var args = "[\(number),\"\(filling(number))\"]"
        var name = "n"
        name.withUTF8 { name in
            args.withUTF8 { args in
                let everyone = BroadcastTarget(namespace: "/")
                let (name, args) = (UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(args))
                if number % 4 == 1 {
                    var sockets: ContiguousArray<SocketHandle> = []
                    shard.collect(everyone, into: &sockets)
                    for handle in sockets { shard.socket(handle)?.emit(name: name, args: args) }
                } else {
                    shard.deliver(PacketEncoder.event(namespace: "/", name: name, args: args), to: everyone)
                }
            }
        }
    }

    private static func filling(_ number: Int) -> String {
        String(repeating: "x", count: 200 + number * 337 % 1500)
    }
}
