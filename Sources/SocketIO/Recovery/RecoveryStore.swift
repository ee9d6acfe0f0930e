import EngineIO
import Support
import Synchronization

/// The sessions of lost connections, and the log of events that they may have missed. Shared by all shards.
/// [any-thread]
///
/// Each event gets a sequence number in the log. The client receives it as the event's last argument and sends it back
/// as `offset` when it reconnects. A client that reconnects to any shard within
/// ``RecoveryOptions/maxDisconnectionDuration`` gets its session, and the log's events for it after its offset. A
/// session is never restored in part: if a limit dropped events that it needs, the client gets a new session, which
/// ``RecoveryStatistics/notRestored`` counts.
///
/// Two differences from the reference, which clients need not know: the event at the client's offset need not be in the
/// log any more, and a `pid` without an offset is accepted.
///
/// A broadcast takes one lock for constant time: it is encoded before, and only the digits of its offset are written
/// under the lock. Restoring a session reads the log in short steps and releases the lock in between.
public final class RecoveryStore: Sendable {
    /// Runs a job on another shard's loop.
    public typealias Hop = @Sendable (_ shard: Int, _ job: @escaping @Sendable (Shard) -> Void) -> Void

    /// As at the start, but for the limits that ``adopt(limitsOf:)`` may change.
    public let options: RecoveryOptions
    private let maxMissedBytes: Atomic<Int>

    /// Reaches the shard that still has the socket of a session whose client reconnects to another shard. Without it,
    /// such a client gets a new session.
    let hop: Hop?

    private let log: Mutex<RecoveryLog>
    private let sessions: Mutex<RecoverySessions>

    /// The last sequence number of the log, readable without the log's lock to estimate the next one.
    private let lastSequence = Atomic<UInt64>(0)

    /// - Parameter now: the shards' monotonic time in ms.
    public init(options: RecoveryOptions = RecoveryOptions(), now: Int64 = 0, hop: Hop? = nil) {
        self.options = options
        maxMissedBytes = Atomic(options.maxMissedBytesPerSession)
        self.hop = hop
        log = Mutex(RecoveryLog(options: options, now: now))
        sessions = Mutex(RecoverySessions(options: options))
    }

    /// Puts the limits of counts and bytes in force, and drops what exceeds them, one at a time. Not on a loop.
    public func adopt(limitsOf new: RecoveryOptions) {
        maxMissedBytes.store(new.maxMissedBytesPerSession, ordering: .relaxed)
        sessions.withLock { $0.adopt(limitsOf: new) }
        trimSessions()
        log.withLock { $0.adopt(limitsOf: new) }
        while log.withLock({ $0.trim() }) != nil {}
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

    /// Removes expired sessions and events. The caller calls it regularly; once per second is enough.
    ///
    /// - Parameter now: the shards' monotonic time in ms.
    public func expire(now: Int64) {
        while sessions.withLock({ $0.expire(now: now) }) != nil {}
        while log.withLock({ $0.expire(now: now) }) != nil {}
    }

    // MARK: - Log

    /// Assigns a sequence number to an event, and stores the event if `isStored`.
    ///
    /// - Parameter encode: encodes the message with the offset as the last argument. Called again if the actual offset
    ///   has more digits than the estimated one; an offset of the same length is written over the estimate.
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

    /// Registers a socket that has joined; returns the sequence number of the last event before it.
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

    /// Removes a socket that has disconnected, and stores its session if it has one.
    func end(_ privateID: SocketID, handle: SocketHandle, keeping session: RecoverySession?) {
        sessions.withLock { sessions in
            sessions.end(privateID, handle: handle)
            if let session { sessions.keep(session) }
        }
        trimSessions()
    }

    /// Whether the session exists, belongs to `user`, and may be restored without running middlewares.
    func resumes(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?) -> Bool {
        sessions.withLock { $0.resumes(request, namespace: namespace, user: user) }
    }

    /// Removes a session of `user` from the store and collects its missed events. A caller that does not use the
    /// session must return it with ``unclaim(_:)``.
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

    /// The most events that one step copies from the log.
    private static let stepSize = 64

    /// The events in the log for the session after `offset`; `nil` if some are missing or they exceed the limit.
    private func missed(by session: RecoverySession, since offset: UInt64, now: Int64) -> RecoveredSession? {
        let filter = RecoveryFilter(session)
        let rooms = Set(session.rooms)
        var messages: [SharedMessage] = []
        var bytes = 0
        var place = offset
        var batch: [RecoveryLog.Event] = []
        batch.reserveCapacity(Self.stepSize)
        while true {
            // Emptied before the lock is taken: `batch` may hold the last reference to an event that the log has
            // dropped meanwhile.
            batch.removeAll(keepingCapacity: true)
            let step = log.withLock { log -> (looked: UInt64, last: UInt64)? in
                log.copy(after: place, meeting: filter, now: now, into: &batch).map { ($0, log.lastSequence) }
            }
            guard let (looked, last) = step else { return nil }
            for event in batch where session.receives(event.target, rooms: rooms) {
                bytes += event.message.frames.count
                guard bytes <= maxMissedBytes.load(ordering: .relaxed) else { return nil }
                messages.append(event.message)
            }
            if looked == last { return RecoveredSession(session: session, missed: messages, through: last) }
            place = looked
        }
    }
}

/// Connection state recovery: how much is kept, and for how long, for clients that lost their connection.
public struct RecoveryOptions: Sendable, Hashable {
    /// How long a session is kept, in ms. The reference's default.
    public var maxDisconnectionDuration: Int64 = 120_000

    /// Whether ``ConnectAttempt/resume(user:claims:expiresAt:else:)`` may accept a recovered client without
    /// middlewares. Its user is verified in any case. The reference's default.
    public var skipMiddlewares = true

    /// The longest time in ms between sending an event and noticing a dead connection: more than `pingInterval` +
    /// `pingTimeout`, which together are 45,000 by default. Events are kept longer than sessions by this time.
    public var maxTimeInFlight: Int64 = 60_000

    /// Sessions of lost connections that are kept at once; the oldest is dropped first.
    public var maxSessions = 10_000

    /// Total bytes of these sessions: rooms and data.
    public var maxSessionBytes = 16_000_000

    /// Bytes of one session; a larger session is not kept.
    public var maxBytesPerSession = 65_536

    /// Events that are kept for all sessions together; the oldest is dropped first, and sessions that missed it cannot
    /// be restored.
    public var maxPackets = 100_000

    /// Total bytes of these events, including attachments.
    public var maxPacketBytes = 64_000_000

    /// Bytes of missed events that one session may receive; a session that missed more is not restored.
    public var maxMissedBytesPerSession = 4_000_000

    public init() {}
}

/// The result of a request to restore a session.
enum RecoveryResult {
    case restored(RecoveredSession)
    /// The session's socket still exists on the client's old, half-open connection.
    case live(SocketHandle)
    /// Unknown, expired, another user's, or incomplete: the client gets a new session.
    case unknown
}

/// A session to restore, with the events that its client missed.
struct RecoveredSession: Sendable {
    let session: RecoverySession
    let missed: [SharedMessage]
    /// The sequence number through which `missed` is complete.
    let through: UInt64
}

/// What connection state recovery stores, and what its limits have dropped.
public struct RecoveryStatistics: Sendable, Hashable {
    /// Gauges: what is stored now.
    public var sessions = 0
    public var sessionBytes = 0
    public var packets = 0
    public var packetBytes = 0

    public var restored: UInt64 = 0
    /// Requests that failed: the session was expired or unknown, or events were dropped.
    public var notRestored: UInt64 = 0
    /// Dropped before they expired because of a limit.
    public var sessionsDropped: UInt64 = 0
    public var packetsDropped: UInt64 = 0

    public init() {}
}
