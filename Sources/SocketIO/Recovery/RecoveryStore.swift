import EngineIO
import Support
import Synchronization

/// The sessions of lost connections, and the log of events that they may have missed; shared by
/// all shards. [any-thread]
///
/// Every event is given a place in the log, which goes to the client as the last argument and comes back as its
/// `offset`. A client that returns to any shard within ``RecoveryOptions/maxDisconnectionDuration`` gets its session,
/// and what the log holds for it past its offset. What the limits drop is never half restored: a session whose events
/// are gone starts afresh, and is counted.
///
/// Two improvements on the reference, invisible to clients: an event that a session read long ago need not be in the
/// log for the session to return, and a `pid` without an offset returns, too.
///
/// A broadcast takes one lock for constant time: it is encoded before, and only the digits of its place are written
/// while the lock is held. A session that returns looks through the log in short steps, between which broadcasts go on.
public final class RecoveryStore: Sendable {
    /// Runs a job on another shard's loop.
    public typealias Hop = @Sendable (_ shard: Int, _ job: @escaping @Sendable (Shard) -> Void) -> Void

    public let options: RecoveryOptions

    /// How to reach the shard that still holds a session which its client asks for elsewhere. `nil`: then
    /// the client starts afresh.
    let hop: Hop?

    private let log: Mutex<RecoveryLog>
    private let sessions: Mutex<RecoverySessions>

    /// The log's last place, for a guess at the next one without its lock.
    private let lastSequence = Atomic<UInt64>(0)

    /// - Parameter now: the shards' monotonic time in ms.
    public init(options: RecoveryOptions = RecoveryOptions(), now: Int64 = 0, hop: Hop? = nil) {
        self.options = options
        self.hop = hop
        log = Mutex(RecoveryLog(options: options, now: now))
        sessions = Mutex(RecoverySessions(options: options))
    }

    public var statistics: RecoveryStatistics {
        var statistics = RecoveryStatistics()
        log.withLock { log in
            statistics.packets = log.count
            statistics.packetBytes = log.byteCount
            statistics.packetsDropped = log.droppedCount
        }
        sessions.withLock { sessions in
            statistics.sessions = sessions.count
            statistics.sessionBytes = sessions.byteCount
            statistics.restored = sessions.restored
            statistics.notRestored = sessions.notRestored
            statistics.sessionsDropped = sessions.droppedCount
        }
        return statistics
    }

    /// Drops what is too old. To be called now and then; every second is plenty.
    ///
    /// - Parameter now: the shards' monotonic time in ms.
    public func expire(now: Int64) {
        while sessions.withLock({ $0.expire(now: now) }) != nil {}
        while log.withLock({ $0.expire(now: now) }) != nil {}
    }

    // MARK: - Log

    /// Gives an event its place in the log.
    ///
    /// - Parameter encode: makes the message, with the place as the last argument of its text. Called again if the
    ///   place has more digits than was guessed; a place of as many digits is written over the guess.
    func append(
        to target: RecoveryTarget, isStored: Bool, _ encode: (RecoveryOffset) -> SharedMessage
    ) -> (message: SharedMessage, sequence: UInt64) {
        let filter = isStored ? RecoveryFilter(target) : nil
        var guess = RecoveryOffset(lastSequence.load(ordering: .relaxed) + 1)
        while true {
            let message = encode(guess)
            let byteCount = isStored ? message.frames.count + target.byteCount : 0
            let (offset, dropped) = log.withLock { log -> (RecoveryOffset, RecoveryLog.Event?) in
                let offset = RecoveryOffset(log.lastSequence + 1)
                guard offset.count == guess.count else { return (offset, nil) }
                if offset != guess {
                    message.rewriteText(before: RecoveryOffset.distanceFromEnd, count: offset.count) {
                        offset.write(to: $0)
                    }
                }
                log.append(message, to: isStored ? target : nil, filter, byteCount: byteCount)
                lastSequence.store(offset.sequence, ordering: .relaxed)
                return (offset, log.trim())
            }
            guard offset.count == guess.count else {
                guess = offset
                continue
            }
            if dropped != nil { while log.withLock({ $0.trim() }) != nil {} }
            return (message, offset.sequence)
        }
    }

    // MARK: - Sessions

    /// A socket joined; returns the place in the log from which it hears.
    func begin(
        _ privateID: SocketID, handle: SocketHandle, namespace: ByteString, user: ByteString?,
        alwaysRunsMiddlewares: Bool
    ) -> UInt64 {
        sessions.withLock {
            $0.begin(
                privateID, handle: handle, namespace: namespace, user: user,
                alwaysRunsMiddlewares: alwaysRunsMiddlewares)
        }
        return lastSequence.load(ordering: .relaxed)
    }

    /// The socket is gone; its session is kept if there is one to keep.
    func end(_ privateID: SocketID, handle: SocketHandle, keeping session: RecoverySession?) {
        sessions.withLock { sessions in
            sessions.end(privateID, handle: handle)
            if let session { sessions.keep(session) }
        }
        trimSessions()
    }

    /// Whether there is such a session of `user`, and it may come back without a question to the application.
    func resumes(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?) -> Bool {
        sessions.withLock { $0.resumes(request, namespace: namespace, user: user) }
    }

    /// Takes a session of `user` out, with what it missed. Whoever takes it and does not use it hands it
    /// back with ``unclaim(_:)``.
    func claim(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?, now: Int64) -> RecoveryResult {
        switch sessions.withLock({ $0.claim(request, namespace: namespace, user: user, now: now) }) {
        case .live(let handle):
            return .live(handle)
        case .unknown:
            return .unknown
        case .session(let session):
            if let recovered = missed(by: session, since: request.offset?.sequence ?? session.start, now: now) {
                return .restored(recovered)
            }
            sessions.withLock { $0.unclaim(session) }
            trimSessions()
            return .unknown
        }
    }

    func unclaim(_ session: RecoverySession) {
        sessions.withLock { $0.keep(session) }
        trimSessions()
    }

    private func trimSessions() {
        while sessions.withLock({ $0.trim() }) != nil {}
    }

    /// Events that one step copies out of the log.
    private static let stepSize = 64

    /// What the log holds for the session past `offset`; `nil` if it cannot be complete.
    private func missed(by session: RecoverySession, since offset: UInt64, now: Int64) -> RecoveredSession? {
        let filter = RecoveryFilter(session)
        let rooms = Set(session.rooms)
        var messages: [SharedMessage] = []
        var bytes = 0
        var place = offset
        var batch: [RecoveryLog.Event] = []
        batch.reserveCapacity(Self.stepSize)
        while true {
            // Emptied before the lock is taken: it may hold the last reference to an event that was dropped since.
            batch.removeAll(keepingCapacity: true)
            let step = log.withLock { log -> (looked: UInt64, last: UInt64)? in
                log.copy(after: place, meeting: filter, now: now, into: &batch).map { ($0, log.lastSequence) }
            }
            guard let (looked, last) = step else { return nil }
            for event in batch where session.receives(event.target, rooms: rooms) {
                bytes += event.message.frames.count
                guard bytes <= options.maxMissedBytesPerSession else { return nil }
                messages.append(event.message)
            }
            if looked == last { return RecoveredSession(session: session, missed: messages, through: last) }
            place = looked
        }
    }
}

/// Connection state recovery: how long, and how much, is kept for clients that lost their connection.
public struct RecoveryOptions: Sendable, Hashable {
    /// How long a session is kept, in ms. The reference's default.
    public var maxDisconnectionDuration: Int64 = 120_000

    /// ``ConnectAttempt/resume(user:claims:expiresAt:else:)`` may let a recovered socket in without further questions.
    /// Its user is verified all the same. The reference's default.
    public var skipMiddlewares = true

    /// How long an event can be on its way, in ms, before a dead connection is noticed: more than `pingInterval` +
    /// `pingTimeout`, which are 45,000 together by default. Events are kept that much longer than sessions.
    public var maxTimeInFlight: Int64 = 60_000

    /// Sessions of lost connections kept at once; the oldest goes first.
    public var maxSessions = 10_000

    /// Bytes of these sessions: rooms and data.
    public var maxSessionBytes = 16_000_000

    /// Bytes of one session; a larger one is not kept.
    public var maxBytesPerSession = 65_536

    /// Events kept for all sessions together; the oldest goes first, and with it the sessions that had not read it.
    public var maxPackets = 100_000

    /// Bytes of these events, attachments included.
    public var maxPacketBytes = 64_000_000

    /// Bytes of missed events sent to one session; what missed more starts afresh.
    public var maxMissedBytesPerSession = 4_000_000

    public init() {}
}

/// What became of the wish to have a session back.
enum RecoveryResult {
    case restored(RecoveredSession)
    /// The session's socket is still there: half open, as its client is here.
    case live(SocketHandle)
    /// Unknown, expired, another user's, or no longer complete: the client starts afresh.
    case unknown
}

/// A session that comes back, with what its client missed.
struct RecoveredSession: Sendable {
    let session: RecoverySession
    let missed: [SharedMessage]
    /// The place in the log up to which `missed` reaches.
    let through: UInt64
}

/// What connection state recovery keeps, and what its limits made it drop.
public struct RecoveryStatistics: Sendable, Hashable {
    /// Kept now.
    public var sessions = 0
    public var sessionBytes = 0
    public var packets = 0
    public var packetBytes = 0

    public var restored: UInt64 = 0
    /// Asked for in vain: expired, unknown, or with events lost.
    public var notRestored: UInt64 = 0
    /// Dropped before their time, for want of room.
    public var sessionsDropped: UInt64 = 0
    public var packetsDropped: UInt64 = 0

    public init() {}
}
