import CJackfield

/// What a fetch has found, as the header has it: one block with all texts, and the items that point into it.
struct FetchedTexts {
    private var bytes: [UInt8] = []
    private var items: [jf_socket_info] = []
    /// Of all items, one after the other.
    private var rooms: [jf_text] = []

    /// Until the block stands still, the texts hold offsets into it: an offset is one more than where the text begins, so that NULL stays NULL.
    init(_ found: [FetchCall.Found], parts: UInt32) {
        items.reserveCapacity(found.count)
        for socket in found {
            let info = socket.info
            var item = jf_socket_info.sized
            item.socket = info.handle
            if parts & JF_PART_CONNECTION != 0 {
                item.connection = info.connection
                item.transport = info.transport
            }
            if parts & JF_PART_ID != 0 {
                item.id = add(info.id.utf8)
                item.nsp = add(info.namespace.utf8)
            }
            if parts & JF_PART_USER != 0, let user = info.user { item.user = add(user.utf8) }
            if parts & JF_PART_CLAIMS != 0 { item.claims = add(info.claims) }
            if parts & JF_PART_HANDSHAKE != 0 { item.handshake = add(info.handshake) }
            if parts & JF_PART_DATA != 0 { item.data = add(info.data) }
            if parts & JF_PART_ROOMS != 0, let names = socket.rooms {
                item.room_count = UInt32(names.count)
                for name in names { rooms.append(add(name.utf8)) }
            }
            items.append(item)
        }
    }

    private mutating func add(_ text: some Collection<UInt8>) -> jf_text {
        let offset = bytes.count
        bytes.append(contentsOf: text)
        return jf_text(ptr: UnsafePointer(bitPattern: offset + 1), len: UInt64(bytes.count - offset))
    }

    /// The items, valid for the call.
    consuming func withItems(_ body: (UnsafeBufferPointer<jf_socket_info>) -> Void) {
        var (items, rooms) = (items, rooms)
        bytes.withUnsafeBytes { bytes in
            func place(_ text: inout jf_text) {
                guard let offset = text.ptr.map({ Int(bitPattern: $0) - 1 }) else { return }
                text.ptr = bytes.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) }
            }
            for index in rooms.indices { place(&rooms[index]) }
            rooms.withUnsafeBufferPointer { rooms in
                var next = 0
                for index in items.indices {
                    place(&items[index].id)
                    place(&items[index].nsp)
                    place(&items[index].user)
                    place(&items[index].claims)
                    place(&items[index].handshake)
                    place(&items[index].data)
                    let count = Int(items[index].room_count)
                    if count > 0 { items[index].rooms = rooms.baseAddress.map { $0 + next } }
                    next += count
                }
                items.withUnsafeBufferPointer(body)
            }
        }
    }
}
