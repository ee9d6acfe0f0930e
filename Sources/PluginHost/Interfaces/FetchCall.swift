import CJackfield
import RawJSON
import SocketIO
import Support
import Synchronization

/// One running `fetch`: gathers the sockets that the loops find and calls the plugin back exactly once.
final class FetchCall: Sendable {
    struct Found: Sendable {
        let info: SocketInfo
        let rooms: [ByteString]?
    }

    private struct State {
        var loops: Int
        /// By loop index, so that the order of the result does not depend on which loop was quicker.
        var found: [Int: [Found]] = [:]
        var isCut = false
        /// Bytes reserved in ``LoadedPlugin/results``.
        var bytes = 0
    }

    private let call: PluginCall<jf_fetched_fn>
    private let plugin: LoadedPlugin
    private let parts: UInt32
    private let promise: PromisedCall
    private let state: Mutex<State>

    init(_ call: PluginCall<jf_fetched_fn>, of plugin: LoadedPlugin, parts: UInt32, loops: Int) {
        self.call = call
        self.plugin = plugin
        self.parts = parts
        state = Mutex(State(loops: loops))
        promise = plugin.promise { Self.make(call, of: plugin, status: JF_E_GONE, [], parts: parts) }
    }

    /// Whether a callback is promised, so that the loops must be asked; if not, ``code`` is the function's result.
    var isPromised: Bool { promise.number != nil }
    var code: Int32 { promise.code }

    /// Withdraws the promise: the function returns an error instead.
    func forget() { _ = plugin.claim(promise) }

    /// Reserves bytes in the plugin's results for one socket that was found. [loop]
    ///
    /// - Returns: `false` if the limit is reached; the result is then incomplete.
    func reserve(for found: Found) -> Bool {
        let size = found.info.size(parts, rooms: found.rooms)
        return state.withLock { state in
            guard plugin.results.reserve(size, besides: state.bytes) else {
                state.isCut = true
                return false
            }
            state.bytes += size
            return true
        }
    }

    /// Adds the sockets that one loop has found. [loop]
    func addResult(_ found: [Found], loop: Int, isCut: Bool) {
        let result = state.withLock { state -> (found: [Found], isCut: Bool, bytes: Int)? in
            state.loops -= 1
            state.found[loop] = found
            state.isCut = state.isCut || isCut
            guard state.loops == 0 else { return nil }
            return (state.found.sorted { $0.key < $1.key }.flatMap(\.value), state.isCut, state.bytes)
        }
        guard let result else { return }
        let all = result.found.prefix(SocketsInterface.largestFetch)
        let status = result.isCut || all.count < result.found.count ? JF_E_LIMIT : JF_OK
        let bytes = result.bytes
        var isQueued = false
        plugin.complete(promise) { [call, plugin, parts] in
            let task = StrandTask(
                .fetched,
                run: {
                    Self.make(call, of: plugin, status: status, Array(all), parts: parts)
                    plugin.results.release(bytes)
                }, drop: { plugin.results.release(bytes) })
            // The texts are written when the task runs: until then it only holds references to the sockets.
            isQueued = plugin.strand.enqueue(task, bytes: all.count * MemoryLayout<Found>.stride, promised: true)
        }
        if !isQueued { plugin.results.release(bytes) }
    }

    /// Writes the texts and calls the function. On the strand, to keep this work off the loops.
    private static func make(
        _ call: PluginCall<jf_fetched_fn>, of plugin: LoadedPlugin, status: Int32, _ found: [Found], parts: UInt32
    ) {
        guard plugin.isCreated else { return }
        var json: [UInt8] = []
        if parts & JF_PART_JSON != 0 {
            var builder = JSONWriter()
            builder.beginArray()
            for item in found { builder.socket(item.info, parts: parts, rooms: item.rooms) }
            builder.endArray()
            json = builder.bytes
        }
        FetchedTexts(found, parts: parts).withItems { items in
            json.withUnsafeBytes { json in
                var raw = jf_fetched.sized
                raw.status = status
                raw.items = items.isEmpty ? nil : items.baseAddress
                raw.count = UInt64(items.count)
                raw.stride = UInt32(MemoryLayout<jf_socket_info>.stride)
                raw.json = jf_text(json)
                call.function(plugin.instance, call.context, &raw)
            }
        }
    }
}

/// The sockets of a fetch as the header's structures: one block with all texts, and the items that point into it.
struct FetchedTexts {
    private var bytes: [UInt8] = []
    private var items: [jf_socket_info] = []
    /// The rooms of all items, one after the other.
    private var rooms: [jf_text] = []

    /// Until the block has its final address, the texts hold offsets into it instead of pointers. An offset is the
    /// text's position plus one, so that NULL stays NULL.
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
