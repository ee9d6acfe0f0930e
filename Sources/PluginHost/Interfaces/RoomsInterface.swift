import CJackfield
import SocketIO
import Support
import Synchronization

/// `jf.rooms/1`.
enum RoomsInterface {
    static var table: jf_rooms_api {
        jf_rooms_api(
            struct_size: UInt32(MemoryLayout<jf_rooms_api>.size), revision: 1,
            join: { host, socket, room in
                LoadedPlugin.serve(host, "join") { (plugin) throws(HostCallError) in
                    plugin.join(socket, try plugin.room(room, "room"))
                }
            },
            leave: { host, socket, room in
                LoadedPlugin.serve(host, "leave") { (plugin) throws(HostCallError) in
                    plugin.leave(socket, try plugin.room(room, "room"))
                }
            },
            join_all: { host, which, rooms, count in
                LoadedPlugin.serve(host, "join_all") { (plugin) throws(HostCallError) in
                    try plugin.joinAll(which, try plugin.rooms(rooms, count, "rooms"))
                }
            },
            leave_all: { host, which, rooms, count in
                LoadedPlugin.serve(host, "leave_all") { (plugin) throws(HostCallError) in
                    try plugin.leaveAll(which, try plugin.rooms(rooms, count, "rooms"))
                }
            },
            members: { host, namespace, room, fetched, context in
                LoadedPlugin.serve(host, "members") { (plugin) throws(HostCallError) in
                    let room = ByteString(decoding: try plugin.room(room, "room", isTarget: true))
                    let target = BroadcastTarget(namespace: try plugin.namespace(namespace, "nsp"), rooms: [room])
                    let parsed = LoadedPlugin.ParsedTarget(target: target, everyNamespace: false)
                    return try plugin.fetch(parsed, parts: JF_PART_ID | JF_PART_USER, fetched, context)
                }
            })
    }
}

/// Joins and leaves rooms, within the limit of rooms for each socket.
///
/// A join reserves a room when it is called, on any thread, so that JF_OK means that the socket will be in the room. A
/// leave releases the room when the loop has carried it out.
extension LoadedPlugin {
    /// [any-thread]
    func join(_ handle: SocketHandle, _ room: UnsafeRawBufferPointer) -> Int32 {
        guard let context = host.context(of: handle) else { return JF_E_GONE }
        if ThreadState.current?.loop === context {
            guard let socket = context.shard.socket(handle) else { return JF_E_GONE }
            guard context.join(socket, ByteString(decoding: room)) else { return refuseRoom() }
            return JF_OK
        }
        guard let info = context.directory[handle] else { return JF_E_GONE }
        guard info.reserveRoom(limit: host.maxRoomsPerSocket) else { return refuseRoom() }
        let mailbox = mailboxes[context.index]
        guard let mustNotify = mailbox.append(.join, socket: handle, name: room) else {
            info.releaseRoom()
            return JF_E_LIMIT
        }
        if mustNotify { context.notify(of: mailbox) }
        return JF_OK
    }

    /// [any-thread]
    func leave(_ handle: SocketHandle, _ room: UnsafeRawBufferPointer) -> Int32 {
        guard let context = host.context(of: handle) else { return JF_E_GONE }
        if ThreadState.current?.loop === context {
            guard let socket = context.shard.socket(handle) else { return JF_E_GONE }
            context.leave(socket, ByteString(decoding: room))
            return JF_OK
        }
        guard context.directory.contains(handle) else { return JF_E_GONE }
        let mailbox = mailboxes[context.index]
        guard let mustNotify = mailbox.append(.leave, socket: handle, name: room) else { return JF_E_LIMIT }
        if mustNotify { context.notify(of: mailbox) }
        return JF_OK
    }

    /// Joins each socket of the target to the rooms. If a socket reaches its limit of rooms, that is only logged,
    /// because the call has already returned. [any-thread]
    func joinAll(_ which: UnsafePointer<jf_target>?, _ rooms: [ByteString]) throws(HostCallError) -> Int32 {
        try forEach(which, bytes: Self.bytes(of: rooms)) { loop, socket in
            for room in rooms where !loop.join(socket, room) {
                _ = self.refuseRoom()
                self.log.warning(
                    "join_all: \(LimitError.tooManyRooms(limit: loop.host.maxRoomsPerSocket))")
            }
        }
    }

    /// [any-thread]
    func leaveAll(_ which: UnsafePointer<jf_target>?, _ rooms: [ByteString]) throws(HostCallError) -> Int32 {
        try forEach(which, bytes: Self.bytes(of: rooms)) { loop, socket in
            for room in rooms { loop.leave(socket, room) }
        }
    }

    private static func bytes(of rooms: [ByteString]) -> Int { rooms.reduce(0) { $0 + 32 + $1.count } }

    private func refuseRoom() -> Int32 {
        refusedJoins.wrappingAdd(1, ordering: .relaxed)
        return JF_E_LIMIT
    }
}

extension LoopContext {
    /// Joins a room. [loop]
    ///
    /// - Parameter isReserved: whether the caller has reserved the room already.
    /// - Returns: `false` if the socket has reached its limit of rooms.
    func join(_ socket: NamespaceSocket, _ room: ByteString, isReserved: Bool = false) -> Bool {
        guard let info = SocketInfo.of(socket) else { return true }
        guard isReserved || info.reserveRoom(limit: host.maxRoomsPerSocket) else {
            return socket.isIn(room)
        }
        do throws(LimitError) {
            // It was in the room already, so the reservation is released.
            if try !socket.join(room) { info.releaseRoom() }
        } catch {
            // Only if the limit was lowered since the reservation: the socket has no more rooms than reservations, and
            // the name was checked by the caller.
            info.releaseRoom()
            return false
        }
        return true
    }

    /// Leaves a room. [loop]
    func leave(_ socket: NamespaceSocket, _ room: ByteString) {
        if socket.leave(room) { SocketInfo.of(socket)?.releaseRoom() }
    }
}
