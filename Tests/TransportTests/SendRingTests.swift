import Glibc
import SocketIO
import Testing

@testable import Transport

struct SendRingTests {
    @Test func `a ring that the system refuses is an error with its reason`() {
        // A capacity of 0 is refused. Refusals by an old kernel or a container are reported in the same way.
        do {
            _ = try SendRing(capacity: 0)
            Issue.record("there is a ring without room for anything")
        } catch {
            #expect(error.code == EINVAL)
            #expect(error.description == "Invalid argument")
        }
    }

    @Test func `without io_uring the loops have no ring, and work`() async throws {
        try await TestServer.run(loops: 2, { $0.usesIOURing = false }) { test in
            for loop in test.loops.all {
                let hasNone = try await loop.eventLoop.submit { loop.sendRing == nil }.get()
                #expect(hasNone)
            }
            let client = test.client()
            #expect(client.upgrade("/ws-echo"))
            client.send(ClientFrame.text("hello"))
            #expect(client.textFrame() == "hello")
        }
    }

    @Test func `each loop has a ring of its own where the system has one`() async throws {
        guard (try? SendRing()) != nil else { return }
        try await TestServer.run(loops: 2) { test in
            for loop in test.loops.all {
                let hasOne = try await loop.eventLoop.submit { loop.sendRing != nil }.get()
                #expect(hasOne)
            }
        }
    }

    @Test func `when io_uring stops working, broadcasts continue without it`() async throws {
        guard (try? SendRing()) != nil else { return }
        try await TestServer.run { test in
            let loop = test.loops.all[0]
            let clients = (0..<20).map { _ in test.client() }
            for client in clients {
                #expect(client.upgrade("/socket.io/?EIO=4&transport=websocket"))
                _ = client.frame()
                client.send(ClientFrame.text("40"))
                #expect(client.textFrame()?.hasPrefix("40{") == true)
            }
            // Replace the ring's descriptor by another file, so that its system calls fail.
            let code = try await loop.eventLoop.submit {
                let other = open("/dev/null", O_RDWR | O_CLOEXEC)
                defer { close(other) }
                return dup2(other, loop.sendRing?.descriptor ?? -1)
            }.get()
            #expect(code >= 0)
            for word in ["first", "second"] {
                loop.execute { shard in
                    var (name, args) = ("n", "[\"\(word)\"]")
                    name.withUTF8 { name in
                        args.withUTF8 { args in
                            let message = PacketEncoder.event(
                                namespace: "/", name: UnsafeRawBufferPointer(name), args: UnsafeRawBufferPointer(args))
                            _ = shard.deliver(message, to: BroadcastTarget(namespace: "/"))
                        }
                    }
                }
                for client in clients { #expect(client.textFrame() == "42[\"n\",\"\(word)\"]") }
            }
            let isGone = try await loop.eventLoop.submit { loop.sendRing == nil }.get()
            #expect(isGone)
        }
    }
}
