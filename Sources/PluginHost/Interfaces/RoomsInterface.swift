import CJackfield
import SocketIO
import Support

/// `jf.rooms/1`.
enum RoomsInterface {
    static var table: jf_rooms_api {
        jf_rooms_api(
            struct_size: UInt32(MemoryLayout<jf_rooms_api>.size), revision: 1,
            join: { host, socket, room in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard plugin.isRoomName("join", room) else { return JF_E_INVALID }
                return plugin.change(.join, socket, room)
            },
            leave: { host, socket, room in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard plugin.isRoomName("leave", room) else { return JF_E_INVALID }
                return plugin.change(.leave, socket, room)
            },
            join_all: { host, selection, rooms, count in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard let names = plugin.roomNames("join_all", rooms, count) else { return JF_E_INVALID }
                return plugin.forEach("join_all", selection, bytes: Int(count) * 32) { host, socket in for name in names { host.join(socket, name) } }
            },
            leave_all: { host, selection, rooms, count in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard let names = plugin.roomNames("leave_all", rooms, count) else { return JF_E_INVALID }
                return plugin.forEach("leave_all", selection, bytes: Int(count) * 32) { _, socket in for name in names { socket.leave(name) } }
            },
            members: { host, namespace, room, function, context in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard plugin.isServed else { return JF_E_STATE }
                guard plugin.isRoomName("members", room) else { return JF_E_INVALID }
                guard let namespace = plugin.namespaceName("members", namespace) else { return JF_E_INVALID }
                let selection = Selection(namespace: namespace, rooms: [room.byteString])
                return plugin.fetch(
                    "members", Plugin.Chosen(selection: selection, everyNamespace: false), parts: JF_PART_ID | JF_PART_USER, function, context)
            })
    }
}

extension Plugin {
    fileprivate func change(_ kind: LoopMailbox.Kind, _ handle: SocketHandle, _ room: jf_text) -> Int32 {
        guard isServed else { return JF_E_STATE }
        guard let context = host.context(of: handle) else { return JF_E_GONE }
        if ThreadState.current?.loop === context {
            guard let socket = context.shard.socket(handle) else { return JF_E_GONE }
            guard kind == .join else {
                socket.leave(room.byteString)
                return JF_OK
            }
            do throws(LimitError) {
                try socket.join(room.byteString)
                return JF_OK
            } catch {
                return JF_E_LIMIT
            }
        }
        guard context.directory.contains(handle) else { return JF_E_GONE }
        let mailbox = mailboxes[context.index]
        guard let mustTell = mailbox.append(kind, socket: handle, name: room.bytes) else { return JF_E_LIMIT }
        if mustTell { context.tell(of: mailbox) }
        return JF_OK
    }

    fileprivate func roomNames(_ function: StaticString, _ rooms: UnsafePointer<jf_text>?, _ count: UInt32) -> [ByteString]? {
        guard let names = texts("\(function): rooms", rooms, count) else { return nil }
        for index in names.indices where rooms.map({ isRoomName(function, $0[index]) }) == false { return nil }
        return names
    }
}
