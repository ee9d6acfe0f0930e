import CJackfield
import EngineIO
import RawJSON
import SocketIO
import Support
import Synchronization

/// The properties of a socket that other threads may read: the constant ones, and its claims and data.
final class SocketInfo: Sendable {
    let handle: SocketHandle
    /// The same for all sockets of a client's connection.
    let connection: UInt64
    let id: ByteString
    let namespace: ByteString
    let user: ByteString?
    let auth: [UInt8]
    let handshakeRequest: HandshakeRequest
    /// What changes, rarely: the claims when a token is refreshed, the data when a plugin sets it.
    private let state: Mutex<State>
    /// Rooms the socket is in, plus those that enqueued joins have reserved.
    private let rooms: Atomic<Int>

    private struct State {
        var claims: [UInt8]
        var data: [UInt8]
    }

    init(_ socket: NamespaceSocket) {
        handle = socket.handle
        connection = socket.connection
        id = socket.id
        namespace = socket.namespace.name
        user = socket.user
        auth = socket.auth
        handshakeRequest = socket.handshakeRequest
        rooms = Atomic(socket.roomCount)
        state = Mutex(State(claims: socket.claims, data: socket.data))
    }

    /// `JF_TRANSPORT_*`, now.
    var transport: UInt32 { handshakeRequest.transport.raw }

    /// The info that ``LoopContext/connected(_:)`` stored in the socket; `nil` before. [loop]
    static func of(_ socket: NamespaceSocket) -> SocketInfo? { socket.userInfo as? SocketInfo }

    /// Reserves one more room.
    ///
    /// - Returns: `false` if the socket has `limit` rooms already.
    func reserveRoom(limit: Int) -> Bool {
        var count = rooms.load(ordering: .relaxed)
        while count < limit {
            let (isDone, now) = rooms.weakCompareExchange(expected: count, desired: count + 1, ordering: .relaxed)
            if isDone { return true }
            count = now
        }
        return false
    }

    /// See ``rooms``.
    var roomCount: Int { rooms.load(ordering: .relaxed) }

    func releaseRoom() { rooms.wrappingSubtract(1, ordering: .relaxed) }

    /// JSON.
    var claims: [UInt8] { state.withLock { $0.claims } }

    /// Copies the claims, which the daemon may have changed. [loop]
    func follow(_ socket: NamespaceSocket) {
        state.withLock { $0.claims = socket.claims }
    }

    /// JSON.
    var data: [UInt8] {
        get { state.withLock { $0.data } }
        set { state.withLock { $0.data = newValue } }
    }

    /// Approximate bytes of the socket's description in a result.
    ///
    /// - Parameter parts: `JF_PART_*`.
    func size(_ parts: UInt32, rooms: [ByteString]?) -> Int {
        var size = 0
        if parts & JF_PART_ID != 0 { size += id.count + namespace.count }
        if parts & JF_PART_USER != 0 { size += user?.count ?? 0 }
        if parts & (JF_PART_CLAIMS | JF_PART_DATA) != 0 {
            state.withLock { state in
                if parts & JF_PART_CLAIMS != 0 { size += state.claims.count }
                if parts & JF_PART_DATA != 0 { size += state.data.count }
            }
        }
        // The query occurs twice in the handshake, and each header has quotes.
        if parts & JF_PART_HANDSHAKE != 0 { size += 2 * handshakeRequest.size + auth.count + 256 }
        if let rooms { size += rooms.reduce(0) { $0 + $1.count + MemoryLayout<jf_text>.size } }
        // Once as texts, and once as JSON with the names of its members.
        if parts & JF_PART_JSON != 0 { size = 2 * size + 128 }
        return size + MemoryLayout<jf_socket_info>.size
    }

    /// JSON: headers, query, url, address, secure, time, issued and auth. Built on each call.
    var handshake: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.handshake(handshakeRequest)
        json.raw(auth, key: "auth")
        json.endObject()
        return json.bytes
    }
}

/// The sockets of one loop, for look-ups from other threads. The lock is held when a socket connects or disconnects and
/// for each look-up, but not for incoming events.
final class SocketDirectory: Sendable {
    /// Indexed by the slot in the handle; slots are dense.
    private let entries = Mutex<ContiguousArray<SocketInfo?>>([])

    func add(_ info: SocketInfo) {
        entries.withLock { entries in
            let slot = info.handle.directorySlot
            while entries.count <= slot { entries.append(nil) }
            entries[slot] = info
        }
    }

    func remove(_ handle: SocketHandle) {
        entries.withLock { entries in
            let slot = handle.directorySlot
            guard slot < entries.count, entries[slot]?.handle == handle else { return }
            entries[slot] = nil
        }
    }

    func contains(_ handle: SocketHandle) -> Bool {
        entries.withLock { entries in
            let slot = handle.directorySlot
            return slot < entries.count && entries[slot]?.handle == handle
        }
    }

    /// Calls `body` for each socket, without the lock, which is held for 64 slots at a time. A socket that connects or
    /// disconnects meanwhile may be missed.
    func visit(_ body: (SocketInfo) -> Void) {
        var slot = 0
        while true {
            let some = entries.withLock { entries in
                slot < entries.count ? Array(entries[slot..<min(slot + 64, entries.count)]) : nil
            }
            guard let some else { return }
            slot += some.count
            for case let info? in some { body(info) }
        }
    }

    subscript(handle: SocketHandle) -> SocketInfo? {
        entries.withLock { entries in
            let slot = handle.directorySlot
            guard slot < entries.count, let info = entries[slot], info.handle == handle else { return nil }
            return info
        }
    }
}

extension SocketHandle {
    /// The index in ``SocketDirectory``: the handle's slot.
    fileprivate var directorySlot: Int { Int(truncatingIfNeeded: (self >> 32) & 0xFF_FFFF) }
}
