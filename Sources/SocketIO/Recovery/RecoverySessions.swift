import Support

/// The sessions of lost connections, and the live sockets whose sessions may be kept later. ``RecoveryStore`` guards it
/// by a lock that no broadcast takes. Dropped sessions are returned so that the caller frees them outside the lock.
struct RecoverySessions {
    /// The result of ``claim(_:namespace:user:now:)``.
    enum ClaimResult {
        case session(RecoverySession)
        case live(SocketHandle)
        case unknown
    }

    private struct Live {
        let handle: SocketHandle
        let namespace: ByteString
        let user: ByteString?
        let alwaysRunsMiddlewares: Bool
    }

    /// A session, linked to the sessions that were stored before and after it.
    private struct Kept {
        let session: RecoverySession
        var previous: SocketID?
        var next: SocketID?
    }

    private var options: RecoveryOptions
    private var live: [SocketID: Live] = [:]
    private var kept: [SocketID: Kept] = [:]
    private var oldest: SocketID?
    private var newest: SocketID?

    private(set) var byteCount = 0
    private(set) var restored: UInt64 = 0
    private(set) var notRestored: UInt64 = 0
    /// Sessions dropped because of a limit.
    private(set) var droppedCount: UInt64 = 0

    var count: Int { kept.count }

    init(options: RecoveryOptions) {
        self.options = options
    }

    /// The caller then trims the sessions.
    mutating func adopt(limitsOf new: RecoveryOptions) {
        options.maxSessions = new.maxSessions
        options.maxSessionBytes = new.maxSessionBytes
    }

    // MARK: - Live sockets

    mutating func begin(
        _ privateID: SocketID, handle: SocketHandle, namespace: ByteString, user: ByteString?,
        alwaysRunsMiddlewares: Bool
    ) {
        live[privateID] = Live(
            handle: handle, namespace: namespace, user: user, alwaysRunsMiddlewares: alwaysRunsMiddlewares)
    }

    mutating func end(_ privateID: SocketID, handle: SocketHandle) {
        if live[privateID]?.handle == handle { live[privateID] = nil }
    }

    // MARK: - Sessions

    mutating func keep(_ session: RecoverySession) {
        guard session.byteCount <= options.maxBytesPerSession else {
            droppedCount += 1
            return
        }
        remove(session.privateID)
        kept[session.privateID] = Kept(session: session, previous: newest, next: nil)
        if let newest { kept[newest]?.next = session.privateID } else { oldest = session.privateID }
        newest = session.privateID
        byteCount += session.byteCount
    }

    /// Drops the oldest session if a limit is exceeded. The caller repeats it until it returns `nil`.
    mutating func trim() -> RecoverySession? {
        guard kept.count > options.maxSessions || byteCount > options.maxSessionBytes, let oldest else { return nil }
        droppedCount += 1
        return remove(oldest)
    }

    /// Drops the oldest session if it has expired. The caller repeats it until it returns `nil`.
    mutating func expire(now: Int64) -> RecoverySession? {
        guard let oldest, let session = kept[oldest]?.session, isExpired(session, now: now) else { return nil }
        return remove(oldest)
    }

    func resumes(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?) -> Bool {
        if let live = live[request.privateID] {
            return live.namespace == namespace && live.user == user && !live.alwaysRunsMiddlewares
        }
        guard let session = kept[request.privateID]?.session else { return false }
        return session.namespace == namespace && session.user == user && !session.alwaysRunsMiddlewares
    }

    mutating func claim(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?, now: Int64) -> ClaimResult
    {
        if let live = live[request.privateID], live.namespace == namespace, live.user == user {
            return .live(live.handle)
        }
        guard let session = kept[request.privateID]?.session, session.namespace == namespace, session.user == user,
            !isExpired(session, now: now)
        else {
            notRestored += 1
            return .unknown
        }
        remove(request.privateID)
        restored += 1
        return .session(session)
    }

    /// Returns a session that was claimed but cannot be restored.
    mutating func unclaim(_ session: RecoverySession) {
        restored -= 1
        notRestored += 1
        keep(session)
    }

    // MARK: - Inside

    private func isExpired(_ session: RecoverySession, now: Int64) -> Bool {
        session.disconnectedAt + options.maxDisconnectionDuration < now
    }

    @discardableResult
    private mutating func remove(_ privateID: SocketID) -> RecoverySession? {
        guard let entry = kept.removeValue(forKey: privateID) else { return nil }
        if let previous = entry.previous { kept[previous]?.next = entry.next } else { oldest = entry.next }
        if let next = entry.next { kept[next]?.previous = entry.previous } else { newest = entry.previous }
        byteCount -= entry.session.byteCount
        return entry.session
    }
}

/// The session of a socket whose connection was lost. Immutable: it moves between shards.
struct RecoverySession: Sendable {
    let privateID: SocketID
    let socketID: SocketID
    let namespace: ByteString
    let rooms: [ByteString]
    let user: ByteString?
    /// Copied from ``ConnectAttempt/alwaysRunsMiddlewares``.
    let alwaysRunsMiddlewares: Bool
    let data: [UInt8]
    /// The last sequence number before the session began. A client without an offset has missed all events after it.
    let start: UInt64
    /// The handles of its sockets, the latest last: broadcasts that excluded one of them are not for this session.
    let handles: [SocketHandle]
    /// Monotonic ms.
    let disconnectedAt: Int64

    /// Bytes that count against the limits: the names, and an estimate of the overhead.
    let byteCount: Int

    init(
        privateID: SocketID, socketID: SocketID, namespace: ByteString, rooms: [ByteString], user: ByteString?,
        alwaysRunsMiddlewares: Bool,
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

/// The recovery state of a connected socket.
final class SocketRecovery {
    /// The private id, sent to the client in the CONNECT answer. It allows its holder to restore the session.
    let privateID: SocketID

    let isRecovered: Bool

    /// Events up to this sequence number were sent when the session was restored. A broadcast of one of them that
    /// arrives later must not be sent again.
    let restoredThrough: UInt64

    /// The last sequence number before the session began.
    let start: UInt64

    /// The handles of the session's sockets, this socket's last.
    let handles: [SocketHandle]

    init(privateID: SocketID, isRecovered: Bool, restoredThrough: UInt64, start: UInt64, handles: [SocketHandle]) {
        self.privateID = privateID
        self.isRecovered = isRecovered
        self.restoredThrough = restoredThrough
        self.start = start
        self.handles = handles
    }
}
