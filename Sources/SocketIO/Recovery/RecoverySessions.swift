import Support

/// The sessions of lost connections, and the sockets that may become one. What ``RecoveryStore`` guards by a lock of
/// its own, which no broadcast takes; what is dropped is returned, to be freed when the lock is free again.
struct RecoverySessions {
    /// What came of the wish to take a session out.
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

    /// A session and its neighbours in the order of keeping.
    private struct Kept {
        let session: RecoverySession
        var previous: SocketID?
        var next: SocketID?
    }

    private let options: RecoveryOptions
    private var live: [SocketID: Live] = [:]
    private var kept: [SocketID: Kept] = [:]
    private var oldest: SocketID?
    private var newest: SocketID?

    private(set) var byteCount = 0
    private(set) var restored: UInt64 = 0
    private(set) var notRestored: UInt64 = 0
    /// Sessions dropped for want of room.
    private(set) var droppedCount: UInt64 = 0

    var count: Int { kept.count }

    init(options: RecoveryOptions) {
        self.options = options
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

    /// Drops the oldest session if there are too many, or too large ones. To be repeated until it returns `nil`.
    mutating func trim() -> RecoverySession? {
        guard kept.count > options.maxSessions || byteCount > options.maxSessionBytes, let oldest else { return nil }
        droppedCount += 1
        return remove(oldest)
    }

    /// Drops the oldest session if it is too old. To be repeated until it returns `nil`.
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

    /// A session that was taken out and is not restored.
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
    /// The place in the log from which the session has heard everything: what a client without an
    /// offset missed begins there.
    let start: UInt64
    /// What its sockets were called, the latest last: broadcasts that spared one of them are not for this session.
    let handles: [SocketHandle]
    /// Monotonic ms.
    let disconnectedAt: Int64

    /// What it counts for against the limits: its texts, and a guess at what holds them.
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

/// A socket's part in connection state recovery.
final class SocketRecovery {
    /// The private id: who has it may have the session. Told to the client in the CONNECT answer.
    let privateID: SocketID

    let isRecovered: Bool

    /// Events up to this place were sent when the session was restored; a broadcast of before, still on its
    /// way, must not come twice.
    let restoredThrough: UInt64

    /// The place in the log from which the session has heard everything.
    let start: UInt64

    /// The handles of its sockets, this one's last.
    let handles: [SocketHandle]

    init(privateID: SocketID, isRecovered: Bool, restoredThrough: UInt64, start: UInt64, handles: [SocketHandle]) {
        self.privateID = privateID
        self.isRecovered = isRecovered
        self.restoredThrough = restoredThrough
        self.start = start
        self.handles = handles
    }
}
