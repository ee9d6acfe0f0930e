import CJackfield
import Glibc
import Support
import Testing

@testable import PluginHost
@testable import SocketIO

/// Joins and leaves from the test's thread, which is not a loop's, as from a plugin's own thread.
@Suite("Rooms")
struct RoomTests {
    private let rooms = RoomsInterface.table

    private func withSocket(rooms limit: Int, auth: String = "", _ body: (TestHost, LoadedPlugin, SocketHandle) -> Void)
        async throws
    {
        var options = SocketOptions()
        options.maxRoomsPerSocket = limit
        let test = try await TestHost.withProbe(sockets: options)
        let client = test.client(auth: auth)
        let plugin = test.host.registry.withLock { $0.plugins[0] }
        let handle = test.loops[0].sync { shard in
            var handles: ContiguousArray<SocketHandle> = []
            shard.collect(BroadcastTarget(), into: &handles)
            return handles[0]
        }
        body(test, plugin, handle)
        withExtendedLifetime(client) {}
        await test.stop()
    }

    private func ask(
        _ function: (@convention(c) (OpaquePointer?, jf_socket, jf_text) -> Int32)?, _ plugin: LoadedPlugin,
        _ socket: SocketHandle, _ room: String
    ) -> Int32? {
        var room = room
        return room.withUTF8 { function?(plugin.handle, socket, jf_text(UnsafeRawBufferPointer($0))) }
    }

    private func roomsOf(_ socket: SocketHandle, _ test: TestHost) -> Set<String> {
        test.loops[0].sync { shard in Set(shard.socket(socket)?.rooms.dropFirst().map(\.text) ?? []) }
    }

    @Test(
        "a join returns JF_E_LIMIT at once if the socket has reached its limit, and JF_OK if it will be in the room")
    func limit() async throws {
        try await withSocket(rooms: 3) { test, plugin, socket in
            for room in ["a", "b", "c"] { #expect(ask(rooms.join, plugin, socket, room) == JF_OK) }
            for room in ["d", "e"] { #expect(ask(rooms.join, plugin, socket, room) == JF_E_LIMIT) }
            #expect(roomsOf(socket, test) == ["a", "b", "c"])
            #expect(plugin.status.refusedJoins == 2)
            #expect(ask(rooms.leave, plugin, socket, "b") == JF_OK)
            #expect(roomsOf(socket, test) == ["a", "c"])
            #expect(ask(rooms.join, plugin, socket, "d") == JF_OK)
            #expect(ask(rooms.join, plugin, socket, "e") == JF_E_LIMIT)
            #expect(roomsOf(socket, test) == ["a", "c", "d"])
            #expect(!test.log.lines.contains { $0.contains("could not join") })
        }
    }

    @Test("joining a room twice counts once, and leaving a room that the socket is not in does not count")
    func places() async throws {
        try await withSocket(rooms: 2) { test, plugin, socket in
            for _ in 1...10 {
                #expect(ask(rooms.join, plugin, socket, "a") == JF_OK)
                _ = roomsOf(socket, test)
            }
            for _ in 1...10 { #expect(ask(rooms.leave, plugin, socket, "nowhere") == JF_OK) }
            #expect(ask(rooms.join, plugin, socket, "b") == JF_OK)
            #expect(ask(rooms.join, plugin, socket, "c") == JF_E_LIMIT)
            #expect(roomsOf(socket, test) == ["a", "b"])
        }
    }

    @Test("the user's own room counts, and joins on the loop count like those of other threads")
    func both() async throws {
        try await withSocket(rooms: 3, auth: #"{"user":"ann"}"#) { test, plugin, socket in
            #expect(ask(rooms.join, plugin, socket, "a") == JF_OK)
            let codes = test.loops[0].sync { _ in
                [
                    ask(rooms.join, plugin, socket, "b"), ask(rooms.join, plugin, socket, "c"),
                    ask(rooms.join, plugin, socket, "b"),
                ]
            }
            #expect(codes == [JF_OK, JF_E_LIMIT, JF_OK])
            #expect(ask(rooms.join, plugin, socket, "c") == JF_E_LIMIT)
            #expect(roomsOf(socket, test) == ["user:ann", "a", "b"])
        }
    }

    @Test("join_all joins each socket up to its limit, and refused joins are counted")
    func all() async throws {
        try await withSocket(rooms: 2) { test, plugin, socket in
            var everybody = jf_target()
            everybody.struct_size = UInt32(MemoryLayout<jf_target>.size)
            everybody.flags = JF_TARGET_ALL
            let names: [StaticString] = ["a", "b", "c"]
            let texts = names.map { jf_text(UnsafeRawBufferPointer(start: $0.utf8Start, count: $0.utf8CodeUnitCount)) }
            #expect(rooms.join_all?(plugin.handle, &everybody, texts, 3) == JF_OK)
            #expect(roomsOf(socket, test) == ["a", "b"])
            #expect(rooms.join_all?(plugin.handle, &everybody, texts, 2) == JF_OK)
            #expect(roomsOf(socket, test) == ["a", "b"])
            #expect(plugin.status.refusedJoins == 1)
            #expect(test.log.line(with: "limits.roomsPerSocket") != nil)
            #expect(rooms.leave_all?(plugin.handle, &everybody, texts, 3) == JF_OK)
            #expect(roomsOf(socket, test) == [])
            #expect(ask(rooms.join, plugin, socket, "d") == JF_OK)
            #expect(ask(rooms.join, plugin, socket, "e") == JF_OK)
            #expect(ask(rooms.join, plugin, socket, "f") == JF_E_LIMIT)
        }
    }

    @Test("joins of many threads together never exceed the limit")
    func threads() async throws {
        try await withSocket(rooms: 100) { test, plugin, socket in
            let done = (0..<4).map { thread in
                let outcome = BlockingFuture<Int>()
                Threads.start(name: "joiner") {
                    outcome.fulfil(
                        (0..<50).filter { self.ask(self.rooms.join, plugin, socket, "\(thread)-\($0)") == JF_OK }.count)
                }
                return outcome
            }
            let joined = done.compactMap { $0.wait(until: Clock.monotonicNanoseconds + 10_000_000_000) }.reduce(0, +)
            #expect(joined == 100)
            #expect(roomsOf(socket, test).count == 100)
        }
    }

    @Test("a room name that is too long is refused at once")
    func longName() async throws {
        try await withSocket(rooms: 3) { _, plugin, socket in
            #expect(ask(rooms.join, plugin, socket, String(repeating: "x", count: 257)) == JF_E_INVALID)
        }
    }
}
