import Support

/// What is kept of a socket whose connection was lost. Immutable: it goes from shard to shard.
struct RecoverySession: Sendable {
    let privateID: SocketID
    let socketID: SocketID
    let namespace: ByteString
    let rooms: [ByteString]
    let user: ByteString?
    /// ``ConnectAttempt/alwaysRunsMiddlewares``.
    let alwaysRunsMiddlewares: Bool
    let data: [UInt8]
    /// The place in the log from which the session has heard everything: what a client without an offset missed begins there.
    let start: UInt64
    /// What its sockets were called, the latest last: broadcasts that spared one of them are not for this session.
    let handles: [SocketHandle]
    /// Monotonic ms.
    let disconnectedAt: Int64

    /// What it counts for against the limits: its texts, and a guess at what holds them.
    let byteCount: Int

    init(
        privateID: SocketID, socketID: SocketID, namespace: ByteString, rooms: [ByteString], user: ByteString?, alwaysRunsMiddlewares: Bool,
        data: [UInt8], start: UInt64, handles: [SocketHandle], disconnectedAt: Int64
    ) {
        self.privateID = privateID
        self.socketID = socketID
        self.namespace = namespace
        self.rooms = rooms
        self.user = user
        self.alwaysRunsMiddlewares = alwaysRunsMiddlewares
        self.data = data
        self.start = start
        self.handles = handles
        self.disconnectedAt = disconnectedAt
        byteCount = rooms.reduce(384 + (user?.count ?? 0) + data.count) { $0 + $1.count + 16 }
    }
}
