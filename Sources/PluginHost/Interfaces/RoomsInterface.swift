import CJackfield
import SocketIO
import Support

/// `jf.rooms/1`.
enum RoomsInterface {
    static var table: jf_rooms_api {
        jf_rooms_api(
            struct_size: UInt32(MemoryLayout<jf_rooms_api>.size), revision: 1,
            join: { host, socket, room in
                LoadedPlugin.serve(host, "join") { (plugin) throws(HostCallError) in plugin.join(socket, try plugin.room(room, "room")) }
            },
            leave: { host, socket, room in
                LoadedPlugin.serve(host, "leave") { (plugin) throws(HostCallError) in plugin.leave(socket, try plugin.room(room, "room")) }
            },
            join_all: { host, which, rooms, count in
                LoadedPlugin.serve(host, "join_all") { (plugin) throws(HostCallError) in try plugin.joinAll(which, try plugin.rooms(rooms, count, "rooms")) }
            },
            leave_all: { host, which, rooms, count in
                LoadedPlugin.serve(host, "leave_all") { (plugin) throws(HostCallError) in try plugin.leaveAll(which, try plugin.rooms(rooms, count, "rooms")) }
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

