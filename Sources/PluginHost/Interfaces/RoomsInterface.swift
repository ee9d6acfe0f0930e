import CJackfield
import SocketIO
import Support

/// `jf.rooms/1`.
enum RoomsInterface {
    static var table: jf_rooms_api {
        jf_rooms_api(
            struct_size: UInt32(MemoryLayout<jf_rooms_api>.size), revision: 1,
            join: { host, socket, room in
                Plugin.serve(host, "join") { (plugin) throws(Refusal) in plugin.change(.join, socket, try plugin.room(room, "room")) }
            },
            leave: { host, socket, room in
                Plugin.serve(host, "leave") { (plugin) throws(Refusal) in plugin.change(.leave, socket, try plugin.room(room, "room")) }
            },
            join_all: { host, which, rooms, count in
                Plugin.serve(host, "join_all") { (plugin) throws(Refusal) in
                    let names = try plugin.rooms(rooms, count, "rooms")
                    return try plugin.forEach(which, bytes: names.count * 32) { host, socket in for name in names { host.join(socket, name) } }
                }
            },
            leave_all: { host, which, rooms, count in
                Plugin.serve(host, "leave_all") { (plugin) throws(Refusal) in
                    let names = try plugin.rooms(rooms, count, "rooms")
                    return try plugin.forEach(which, bytes: names.count * 32) { _, socket in for name in names { socket.leave(name) } }
                }
            },
            members: { host, namespace, room, fetched, context in
                Plugin.serve(host, "members") { (plugin) throws(Refusal) in
                    let room = ByteString(decoding: try plugin.room(room, "room", isChosen: true))
                    let selection = Selection(namespace: try plugin.namespace(namespace, "nsp"), rooms: [room])
                    let chosen = Plugin.Chosen(selection: selection, everyNamespace: false)
                    return try plugin.fetch(chosen, parts: JF_PART_ID | JF_PART_USER, fetched, context)
                }
            })
    }
}

extension Plugin {
    fileprivate func change(_ kind: LoopMailbox.Kind, _ handle: SocketHandle, _ room: UnsafeRawBufferPointer) -> Int32 {
        guard let context = host.context(of: handle) else { return JF_E_GONE }
        if ThreadState.current?.loop === context {
            guard let socket = context.shard.socket(handle) else { return JF_E_GONE }
            let room = ByteString(decoding: room)
            guard kind == .join else {
                socket.leave(room)
                return JF_OK
            }
            do throws(LimitError) {
                try socket.join(room)
                return JF_OK
            } catch {
                return JF_E_LIMIT
            }
        }
        guard context.directory.contains(handle) else { return JF_E_GONE }
        let mailbox = mailboxes[context.index]
        guard let mustTell = mailbox.append(kind, socket: handle, name: room) else { return JF_E_LIMIT }
        if mustTell { context.tell(of: mailbox) }
        return JF_OK
    }
}
