import Testing

@testable import Transport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct SendRingTests {
    @Test func `a ring that the system refuses is an error that says why`() {
        // No ring is that small: what an old kernel or a container says comes the same way.
        do {
            _ = try SendRing(capacity: 0)
            Issue.record("there is a ring without room for anything")
        } catch {
            #expect(error.code == EINVAL)
            #expect(error.description == "Invalid argument")
        }
    }

    @Test func `without io_uring the loops have no ring, and serve`() async throws {
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
}
