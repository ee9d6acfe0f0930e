/// Limits and times of Socket.IO, the same for all shards of a host.
public struct SocketOptions: Sendable {
    /// How long a client may take to join its first namespace, in ms. The reference's default.
    public var connectTimeout: Int64 = 45_000

    /// Keeps the sessions of lost connections for a while; `nil` is off, as in the reference.
    public var recovery: RecoveryStore?

    /// Rooms one socket may be in at once, that of its own id not counted. Each costs about 100 bytes.
    public var maxRoomsPerSocket = 10_000

    /// Bytes of a room's name.
    public var maxRoomNameLength = 256

    /// Namespaces one connection may be in, or ask to be in, at once.
    public var maxNamespacesPerClient = 64

    /// Bytes of a namespace's name; a longer one does not exist.
    public var maxNamespaceLength = 256

    /// Namespaces made from a pattern that may be alive at once on one shard.
    public var maxDynamicNamespaces = 10_000

    /// Acks that one socket may owe at once.
    public var maxPendingAcks = 1_000

    /// Bytes of an event's name, escapes decoded; a longer one ends the connection.
    public var maxEventNameLength = 512

    /// Attachments of one packet. The reference's default; JavaScript clients refuse more, too.
    public var maxAttachments = 10

    /// Bytes that the attachments of one packet may have together. The reference bounds each by `maxHttpBufferSize`
    /// alone: this is ten times its default.
    public var maxAttachmentBytes = 10_000_000

    /// Packets that may wait for the application to decide on their namespace's CONNECT.
    public var maxHeldPackets = 32

    /// Bytes of these packets.
    public var maxHeldBytes = 65_536

    public init() {}
}

/// What was asked for would pass one of the limits of ``SocketOptions``.
public enum LimitError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The socket is in ``SocketOptions/maxRoomsPerSocket`` rooms.
    case tooManyRooms(limit: Int)
    /// The room's name is longer than ``SocketOptions/maxRoomNameLength`` bytes.
    case roomNameTooLong(limit: Int)
    /// As many acks of the socket are due as ``SocketOptions/maxPendingAcks`` allows.
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
