/// Limits and times of Socket.IO, the same for all shards of a host.
public struct SocketOptions: Sendable {
    /// Time in which a client must join its first namespace, in ms. The reference's default.
    public var connectTimeout: Int64 = 45_000

    /// Keeps the sessions of lost connections for a while; `nil` disables recovery, as in the reference by default.
    public var recovery: RecoveryStore?

    /// Rooms that one socket may be in at once, without the room of its own id. Each costs about 100 bytes.
    public var maxRoomsPerSocket = 10_000

    /// Bytes of a room's name.
    public var maxRoomNameLength = 256

    /// Namespaces that one connection may have joined or be joining at once.
    public var maxNamespacesPerClient = 64

    /// Bytes of a namespace's name; a CONNECT with a longer name is answered with "Invalid namespace".
    public var maxNamespaceLength = 256

    /// Namespaces created from a pattern that may exist at once on one shard.
    public var maxDynamicNamespaces = 10_000

    /// Acks that may be outstanding from one socket at once.
    public var maxPendingAcks = 1_000

    /// Bytes of an event's name as sent; a longer name closes the connection.
    public var maxEventNameLength = 512

    /// Attachments of one packet. The reference's default; JavaScript clients refuse more as well.
    public var maxAttachments = 10

    /// Total bytes of the attachments of one packet. The reference only limits each attachment, by `maxHttpBufferSize`;
    /// this is ten times that default.
    public var maxAttachmentBytes = 10_000_000

    /// Packets that may wait while the application decides about their namespace's CONNECT.
    public var maxHeldPackets = 32

    /// Total bytes of the packets that wait.
    public var maxHeldBytes = 65_536

    public init() {}
}

/// A request would exceed one of the limits of ``SocketOptions``.
public enum LimitError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The socket is in ``SocketOptions/maxRoomsPerSocket`` rooms.
    case tooManyRooms(limit: Int)
    /// The room's name is longer than ``SocketOptions/maxRoomNameLength`` bytes.
    case roomNameTooLong(limit: Int)
    /// The socket already has ``SocketOptions/maxPendingAcks`` outstanding acks.
    case tooManyPendingAcks(limit: Int)

    public var description: String {
        switch self {
        case .tooManyRooms(let limit):
            "the socket is in \(limit) rooms already: leave one, or raise limits.roomsPerSocket"
        case .roomNameTooLong(let limit): "the name of a room is at most \(limit) bytes: shorten it"
        case .tooManyPendingAcks(let limit):
            "\(limit) acks of the socket are still due: wait for some, or raise limits.pendingAcksPerSocket"
        }
    }
}
