import Glibc
import Support

/// One namespace on one shard: the sockets in it and their rooms. [loop]
public final class Namespace {
    public let name: ByteString

    /// Owned by the application: what it needs quickly for each event of the namespace. Released with the namespace.
    public var userInfo: AnyObject?

    /// Created for a name that matched a pattern: removed when its last socket leaves.
    let isDynamic: Bool

    /// The bytes between type and payload of a packet: `/name,`, or none for the main namespace.
    let prefix: UnsafeRawBufferPointer

    /// All sockets of the namespace, as a room. It is the first membership of each socket.
    let everyone: Room

    var rooms: [ByteString: Room] = [:]
    var sockets: [SocketID: Unmanaged<NamespaceSocket>] = [:]

    /// CONNECTs about which the application has not decided yet.
    var pendingAttempts = 0

    /// Cleared when a new ``NamespaceTable`` lacks the name: its sockets stay, but no client can join.
    var isOpen = true

    private var lastAckID: UInt64 = 0

    init(name: ByteString, isDynamic: Bool) {
        self.name = name
        self.isDynamic = isDynamic
        self.everyone = Room(name: "")
        let prefix = name == "/" ? "" : name.text + ","
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: prefix.utf8.count, alignment: 1)
        bytes.copyBytes(from: prefix.utf8)
        self.prefix = UnsafeRawBufferPointer(bytes)
    }

    deinit {
        prefix.deallocate()
    }

    /// How many of this shard's sockets are in the namespace.
    public var count: Int { everyone.count }

    /// How many rooms have members on this shard, without the rooms of socket ids.
    public var roomCount: Int { rooms.count }

    /// Some of the rooms that have members on this shard, with their numbers, in no order.
    public func rooms(limit: Int) -> [(name: ByteString, count: Int)] {
        rooms.values.prefix(max(0, limit)).map { ($0.name, $0.count) }
    }

    /// Some of this shard's sockets in a room, and how many there are.
    public func members(of room: ByteString, limit: Int) -> (sockets: [NamespaceSocket], count: Int) {
        if let id = SocketID(room), let socket = socket(id: id) { return (limit > 0 ? [socket] : [], 1) }
        guard let room = rooms[room] else { return ([], 0) }
        return (room.members.prefix(max(0, limit)).map { $0.socket.takeUnretainedValue() }, room.count)
    }

    /// Whether the namespace can be removed.
    var isIdle: Bool { isDynamic && pendingAttempts == 0 && everyone.count == 0 }

    /// The ack id for the next event that requests an ack. Starts at 0 and is shared by all sockets, as in the
    /// reference.
    func nextAckID() -> UInt64 {
        defer { lastAckID += 1 }
        return lastAckID
    }

    func socket(id: SocketID) -> NamespaceSocket? {
        sockets[id]?.takeUnretainedValue()
    }

    /// Whether `packetName`, the name as in a packet (empty for the main namespace), is the name of this namespace.
    @inline(__always)
    func isNamed(_ packetName: UnsafeRawBufferPointer) -> Bool {
        guard packetName.count == max(0, prefix.count - 1) else { return false }
        guard packetName.count > 0 else { return true }
        return memcmp(packetName.baseAddress!, prefix.baseAddress!, packetName.count) == 0
    }
}
