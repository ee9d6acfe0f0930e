import EngineIO
import SocketIO
import Support

extension Benchmarks {
    private static func inRooms(_ count: Int) -> World {
        let world = World()
        for number in 0..<count { _ = try? world.sockets[0].join("filler-\(number)") }
        precondition(world.sockets[0].roomCount == count, "the benchmark's socket is not in its rooms")
        return world
    }

    private static func joining(from world: World) -> (Int) -> Void {
        let socket = world.sockets[0]
        return world.repeating { count in
            for _ in 0..<count {
                _ = try? socket.join("general")
                socket.leave("general")
            }
        }
    }

    /// A session opens, joins `rooms` rooms, and ends; one operation is the cost of one room.
    private static func filling(_ rooms: Int) -> (Int) -> Void {
        let world = World(sockets: 0)
        let output = MemoryWebSocket()
        let names = (0..<rooms).map { ByteString("room-\($0)") }
        return world.repeating { count in
            for _ in 0..<(count + rooms - 1) / rooms {
                let session = world.connect(over: output)
                let socket = world.sockets[0]
                for name in names { _ = try? socket.join(name) }
                precondition(socket.roomCount == rooms, "a benchmark's socket is not in its rooms")
                session.abort(.transportClose)
            }
            precondition(world.sockets.isEmpty, "a benchmark's socket stayed")
        }
    }

    /// Delivers to `members` of `all` sockets; one operation is one delivery.
    private static func delivering(to members: Int, of all: Int, room: ByteString?) -> (Int) -> Void {
        let world = World(sockets: all)
        if let room {
            for socket in world.sockets.prefix(members) { _ = try? socket.join(room) }
        }
        let message = PacketEncoder.event(
            namespace: "/", name: bytes(of: "message"), args: bytes(of: #"["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]"#))
        let target = BroadcastTarget(rooms: room.map { [$0] } ?? [])
        return world.repeating { count in
            var left = count
            while left > 0 { left -= world.shard.deliver(message, to: target) }
        }
    }

    static var rooms: [Benchmark] {
        [
            Benchmark("room.join-leave", "join a room and leave it, the socket in no other") {
                joining(from: inRooms(0))
            },
            Benchmark("room.join-leave-1000", "the same, the socket in 1,000 others") { joining(from: inRooms(1000)) },
            Benchmark("room.join-leave-100k", "the same, 100,000 rooms of others in the namespace") {
                let world = World(sockets: 101)
                for (owner, socket) in world.sockets[1...].enumerated() {
                    for number in 0..<1000 { _ = try? socket.join("filler-\(owner)-\(number)") }
                }
                return joining(from: world)
            },
            Benchmark("room.fill-leave-10", "per room, a socket joins 10 rooms and its session ends", guardCount: 1000)
            { filling(10) },
            Benchmark("room.fill-leave-100", "the same with 100 rooms", guardCount: 1000) { filling(100) },
            Benchmark("room.fill-leave-1000", "the same with 1,000 rooms", guardCount: 1000) { filling(1000) },
            Benchmark("room.broadcast-everyone", "per delivery, to all 1,000 sockets", guardCount: 10_000) {
                delivering(to: 1000, of: 1000, room: nil)
            },
            Benchmark("room.broadcast-room", "per delivery, to a room of 10 among 1,000 sockets", guardCount: 1000) {
                delivering(to: 10, of: 1000, room: "general")
            },
            Benchmark(
                "room.broadcast-union", "per delivery, to the union of two rooms of 500 that share 250",
                guardCount: 7500
            ) {
                let world = World(sockets: 1000)
                for socket in world.sockets[0..<500] { _ = try? socket.join("a") }
                for socket in world.sockets[250..<750] { _ = try? socket.join("b") }
                let message = PacketEncoder.event(
                    namespace: "/", name: bytes(of: "message"), args: bytes(of: #"["x"]"#))
                let target = BroadcastTarget(rooms: ["a", "b"])
                return world.repeating { count in
                    var left = count
                    while left > 0 { left -= world.shard.deliver(message, to: target) }
                }
            },
        ]
    }
}
