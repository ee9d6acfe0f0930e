import Glibc
import Support

/// One namespace on one shard: the sockets in it and their rooms. [loop]
public final class Namespace {
    public let name: ByteString

    /// The application's own: what it wants to find at once for every event of the namespace. Kept
    /// until the namespace goes.
    public var userInfo: AnyObject?

    /// Made for a name that matched a pattern: goes with its last socket.
    let isDynamic: Bool

    /// What stands between type and payload of a packet: `/name,`, or nothing for the main namespace.
    let prefix: UnsafeRawBufferPointer

    /// All sockets: a room that every socket is in first.
    let everyone: Room

    var rooms: [ByteString: Room] = [:]
    var sockets: [SocketID: Unmanaged<NamespaceSocket>] = [:]

    /// CONNECTs that wait for the application.
    var pendingAttempts = 0

    /// Cleared when a new ``NamespaceTable`` no longer knows the name: who is in stays, nobody joins.
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

    /// How many sockets are in it, on this shard.
    public var count: Int { everyone.count }

    /// How many rooms have members, on this shard; the rooms of sockets' own ids not counted.
    public var roomCount: Int { rooms.count }

    /// Whether nothing holds it any more but its name.
    var isIdle: Bool { isDynamic && pendingAttempts == 0 && everyone.count == 0 }

    /// The id of the next event that wants an ack. Starts at 0 and is shared by all sockets, as in the reference.
    func nextAckID() -> UInt64 {
        defer { lastAckID += 1 }
        return lastAckID
    }

    func socket(id: SocketID) -> NamespaceSocket? {
        sockets[id]?.takeUnretainedValue()
    }

    /// Whether `packetName`, the name as it stands in a packet (empty for the main namespace), is this one's.
    @inline(__always)
    func isNamed(_ packetName: UnsafeRawBufferPointer) -> Bool {
        guard packetName.count == max(0, prefix.count - 1) else { return false }
        guard packetName.count > 0 else { return true }
        return memcmp(packetName.baseAddress!, prefix.baseAddress!, packetName.count) == 0
    }
}
