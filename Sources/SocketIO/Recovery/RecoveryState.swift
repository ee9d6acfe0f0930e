import EngineIO
import Support

/// What a ``RecoveryStore`` guards: single-threaded, and all of its rules.
struct RecoveryState {
    enum Target {
        case selection(Selection)
        case socket(SocketID, namespace: ByteString)
    }

    private struct Entry {
        let sequence: UInt64
        let target: Target
        let message: SharedMessage
        let byteCount: Int
        /// When it was appended, as far as anyone said: the latest time the store was told.
        let appended: Int64
    }

    private struct Live {
        let handle: SocketHandle
        let namespace: ByteString
        let user: ByteString?
    }

    private let options: RecoveryOptions

    /// Oldest first; those before `head` are gone.
    private var log: [Entry?] = []
    private var head = 0
    private var lastSequence: UInt64 = 0
    /// The newest event that was dropped for want of room, and when it was appended.
    private var dropped: (sequence: UInt64, appended: Int64)?

    private var sessions: [SocketID: RecoverySession] = [:]
    /// Kept sessions, oldest first; names that `sessions` no longer knows, or knows with another time, are skipped.
    private var order: [(privateID: SocketID, disconnectedAt: Int64)] = []
    private var orderHead = 0
    private var live: [SocketID: Live] = [:]
    private var now: Int64 = 0

    private(set) var statistics = RecoveryStatistics()

    init(options: RecoveryOptions) {
        self.options = options
    }

    // MARK: - Log

    mutating func append(
        to target: Target, isStored: Bool, _ encode: (RecoveryOffset) -> SharedMessage
    ) -> (message: SharedMessage, sequence: UInt64) {
        lastSequence += 1
        let message = encode(RecoveryOffset(lastSequence))
        guard isStored else { return (message, lastSequence) }
        let size = message.frames.count
        log.append(Entry(sequence: lastSequence, target: target, message: message, byteCount: size, appended: now))
        statistics.packets += 1
        statistics.packetBytes += size
        while statistics.packets > options.maxPackets || statistics.packetBytes > options.maxPacketBytes {
            guard let entry = dropOldestEntry() else { break }
            dropped = (entry.sequence, entry.appended)
            statistics.packetsDropped += 1
        }
        return (message, lastSequence)
    }

    @discardableResult
    private mutating func dropOldestEntry() -> Entry? {
        guard head < log.count, let entry = log[head] else { return nil }
        log[head] = nil
        head += 1
        statistics.packets -= 1
        statistics.packetBytes -= entry.byteCount
        // Half of it gone: moving the rest costs no more than what was appended since.
        if head > 1024, head * 2 > log.count {
            log.removeFirst(head)
            head = 0
        }
        return entry
    }

    // MARK: - Sessions

    mutating func begin(_ privateID: SocketID, handle: SocketHandle, namespace: ByteString, user: ByteString?) -> UInt64 {
        live[privateID] = Live(handle: handle, namespace: namespace, user: user)
        return lastSequence
    }

    mutating func end(_ privateID: SocketID, handle: SocketHandle, keeping session: RecoverySession?) {
        if live[privateID]?.handle == handle { live[privateID] = nil }
        if let session { keep(session) }
    }

    mutating func keep(_ session: RecoverySession) {
        now = max(now, session.disconnectedAt)
        guard session.byteCount <= options.maxBytesPerSession else {
            statistics.sessionsDropped += 1
            return
        }
        forget(session.privateID)
        sessions[session.privateID] = session
        order.append((session.privateID, session.disconnectedAt))
        statistics.sessions += 1
        statistics.sessionBytes += session.byteCount
        while statistics.sessions > options.maxSessions || statistics.sessionBytes > options.maxSessionBytes {
            guard dropOldestSession() else { break }
            statistics.sessionsDropped += 1
        }
    }

    func holds(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?, issued: Int64) -> Bool {
        if let live = live[request.privateID] { return live.namespace == namespace && live.user == user }
        guard let session = sessions[request.privateID], session.namespace == namespace, session.user == user else { return false }
        return user != nil || session.expiresAt.map { $0 > issued } ?? true
    }

    mutating func claim(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?, now: Int64) -> RecoveryClaim {
        self.now = max(self.now, now)
        if let live = live[request.privateID], live.namespace == namespace, live.user == user { return .live(live.handle) }
        guard let session = sessions[request.privateID], session.namespace == namespace, session.user == user,
            session.disconnectedAt + options.maxDisconnectionDuration >= now,
            let missed = missed(by: session, since: request.offset?.sequence ?? session.start)
        else {
            statistics.notRestored += 1
            return .unknown
        }
        forget(request.privateID)
        statistics.restored += 1
        return .restored(RecoveredSession(session: session, missed: missed, through: lastSequence))
    }

    mutating func expire(now: Int64) {
        self.now = max(self.now, now)
        while orderHead < order.count, order[orderHead].disconnectedAt + options.maxDisconnectionDuration < now {
            _ = dropOldestSession()
        }
        while head < log.count, let entry = log[head], entry.appended < horizon { dropOldestEntry() }
    }

    // MARK: - Inside

    /// Events appended before were received by every session that can still return: one whose connection had lost them was closed more
    /// than ``RecoveryOptions/maxDisconnectionDuration`` ago.
    private var horizon: Int64 {
        now - options.maxDisconnectionDuration - options.maxTimeInFlight
    }

    /// What the log holds for the session past `offset`; `nil` if it cannot be complete.
    private func missed(by session: RecoverySession, since offset: UInt64) -> [SharedMessage]? {
        guard offset <= lastSequence else { return nil }
        if let dropped, offset < dropped.sequence, dropped.appended >= horizon { return nil }
        let rooms = Set(session.rooms)
        var messages: [SharedMessage] = []
        var bytes = 0
        for entry in log[firstIndex(after: offset)...] {
            guard let entry, session.receives(entry.target, rooms: rooms) else { continue }
            bytes += entry.byteCount
            guard bytes <= options.maxMissedBytesPerSession else { return nil }
            messages.append(entry.message)
        }
        return messages
    }

    /// The first entry past `sequence`, by bisection.
    private func firstIndex(after sequence: UInt64) -> Int {
        var low = head
        var high = log.count
        while low < high {
            let middle = (low + high) / 2
            if let entry = log[middle], entry.sequence > sequence { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func forget(_ privateID: SocketID) {
        guard let session = sessions.removeValue(forKey: privateID) else { return }
        statistics.sessions -= 1
        statistics.sessionBytes -= session.byteCount
    }

    /// - Returns: whether there was one left.
    private mutating func dropOldestSession() -> Bool {
        while orderHead < order.count {
            let (privateID, disconnectedAt) = order[orderHead]
            orderHead += 1
            if orderHead > 1024, orderHead * 2 > order.count {
                order.removeFirst(orderHead)
                orderHead = 0
            }
            // A session that came back and was lost again stands further on with its newer time.
            guard sessions[privateID]?.disconnectedAt == disconnectedAt else { continue }
            forget(privateID)
            return true
        }
        return false
    }
}

extension RecoverySession {
    /// Whether an event for `target` was for this session: as a broadcast would have chosen it.
    func receives(_ target: RecoveryState.Target, rooms: Set<ByteString>) -> Bool {
        switch target {
        case .socket(let id, let namespace):
            id == socketID && namespace == self.namespace
        case .selection(let selection):
            selection.namespace == namespace
                && (selection.rooms.isEmpty && selection.socket == 0 || selection.rooms.contains { rooms.contains($0) }
                    || selection.socket != 0 && handles.contains(selection.socket))
                && !selection.except.contains { rooms.contains($0) }
                && (selection.exceptSocket == 0 || !handles.contains(selection.exceptSocket))
        }
    }
}
