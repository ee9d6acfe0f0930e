import EngineIO
import Support
import Synchronization

/// The sessions of lost connections, and the log of events that they may have missed; shared by all shards. [any-thread]
///
/// Every event is given a place in the log, which goes to the client as the last argument and comes back as its `offset`. A client that
/// returns to any shard within ``RecoveryOptions/maxDisconnectionDuration`` gets its session, and what the log holds for it past its
/// offset. What the limits drop is never half restored: a session whose events are gone starts afresh, and is counted.
///
/// Two improvements on the reference, invisible to clients: an event that a session read long ago need not be in the log for the session to
/// return, and a `pid` without an offset returns, too.
///
/// A broadcast takes one lock for constant time: it is encoded before, and only the digits of its place are written while the lock is held.
/// A session that returns looks through the log in short steps, between which broadcasts go on.
public final class RecoveryStore: Sendable {
    /// Runs a job on another shard's loop.
    public typealias Hop = @Sendable (_ shard: Int, _ job: @escaping @Sendable (Shard) -> Void) -> Void

    public let options: RecoveryOptions

    /// How to reach the shard that still holds a session which its client asks for elsewhere. `nil`: then the client starts afresh.
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
    /// - Parameter encode: makes the message, with the place as the last argument of its text. Called again if the place has more digits than
    ///   was guessed; a place of as many digits is written over the guess.
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
                    message.rewriteText(before: RecoveryOffset.distanceFromEnd, count: offset.count) { offset.write(to: $0) }
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
    func begin(_ privateID: SocketID, handle: SocketHandle, namespace: ByteString, user: ByteString?, alwaysRunsMiddlewares: Bool) -> UInt64 {
        sessions.withLock { $0.begin(privateID, handle: handle, namespace: namespace, user: user, alwaysRunsMiddlewares: alwaysRunsMiddlewares) }
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

    /// Takes a session of `user` out, with what it missed. Whoever takes it and does not use it hands it back with ``unclaim(_:)``.
    func claim(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?, now: Int64) -> RecoveryResult {
        switch sessions.withLock({ $0.claim(request, namespace: namespace, user: user, now: now) }) {
        case .live(let handle):
            return .live(handle)
        case .unknown:
            return .unknown
        case .session(let session):
            if let recovered = missed(by: session, since: request.offset?.sequence ?? session.start, now: now) { return .restored(recovered) }
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
