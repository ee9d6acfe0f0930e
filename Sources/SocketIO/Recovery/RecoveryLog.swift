import EngineIO
import Support

/// The latest events, oldest first. ``RecoveryStore`` guards it by one lock that every broadcast takes. Therefore each
/// operation takes constant time, and dropped events are returned so that the caller frees them outside the lock.
struct RecoveryLog {
    struct Event: Sendable {
        let sequence: UInt64
        let target: RecoveryTarget
        let filter: RecoveryFilter
        let message: SharedMessage
        let byteCount: Int
        /// Monotonic ms, as given to the last ``RecoveryStore/expire(now:)``.
        let appended: Int64
    }

    private var options: RecoveryOptions

    /// Chunks of ``chunkSize`` events; the events before `head` in the first chunk are removed.
    private var chunks: [[Event?]] = []
    private var head = 0
    private static let chunkSize = 512

    private(set) var count = 0
    private(set) var byteCount = 0
    /// Events dropped because of a limit.
    private(set) var droppedCount: UInt64 = 0
    /// The newest dropped event.
    private var dropped: (sequence: UInt64, appended: Int64)?

    private(set) var lastSequence: UInt64 = 0
    private var now: Int64

    init(options: RecoveryOptions, now: Int64) {
        self.options = options
        self.now = now
    }

    /// The caller then trims the log.
    mutating func adopt(limitsOf new: RecoveryOptions) {
        options.maxPackets = new.maxPackets
        options.maxPacketBytes = new.maxPacketBytes
    }

    /// Assigns the next sequence number. `target` is `nil` for an event that is not stored.
    mutating func append(
        _ message: SharedMessage, to target: RecoveryTarget?, _ filter: RecoveryFilter?, byteCount: Int
    ) {
        lastSequence += 1
        guard let target, let filter else { return }
        if chunks.last?.count ?? Self.chunkSize == Self.chunkSize {
            chunks.append([])
            chunks[chunks.count - 1].reserveCapacity(Self.chunkSize)
        }
        chunks[chunks.count - 1].append(
            Event(
                sequence: lastSequence, target: target, filter: filter, message: message, byteCount: byteCount,
                appended: now))
        count += 1
        self.byteCount += byteCount
    }

    /// Drops the oldest event if a limit is exceeded. The caller repeats it until it returns `nil`.
    mutating func trim() -> Event? {
        guard count > options.maxPackets || byteCount > options.maxPacketBytes, let event = removeFirst() else {
            return nil
        }
        dropped = (event.sequence, event.appended)
        droppedCount += 1
        return event
    }

    /// Drops the oldest event if it has expired. The caller repeats it until it returns `nil`.
    mutating func expire(now: Int64) -> Event? {
        self.now = max(self.now, now)
        guard let first, first.appended < horizon(self.now) else { return nil }
        return removeFirst()
    }

    /// Copies events after `sequence` that may be for a session, oldest first. One call reads at most
    /// ``chunkSize`` events.
    ///
    /// - Parameter batch: receives the events, at most up to its capacity.
    /// - Returns: the sequence number through which the log was read; `nil` if events after `sequence` were dropped
    ///   that the session may need.
    func copy(after sequence: UInt64, meeting filter: RecoveryFilter, now: Int64, into batch: inout [Event]) -> UInt64?
    {
        guard sequence <= lastSequence else { return nil }
        if let dropped, sequence < dropped.sequence, dropped.appended >= horizon(max(now, self.now)) { return nil }
        var index = firstIndex(after: sequence)
        var looked = sequence
        let end = min(count, index + Self.chunkSize)
        while index < end {
            let event = self[index]
            if event.filter.mayMatch(filter) {
                guard batch.count < batch.capacity else { return looked }
                batch.append(event)
            }
            looked = event.sequence
            index += 1
        }
        return index == count ? lastSequence : looked
    }

    // MARK: - Inside

    /// Every session that can still be restored has received the events appended before this time: a connection that
    /// lost one of them was closed more than ``RecoveryOptions/maxDisconnectionDuration`` ago.
    private func horizon(_ now: Int64) -> Int64 {
        now - options.maxDisconnectionDuration - options.maxTimeInFlight
    }

    private var first: Event? { count == 0 ? nil : self[0] }

    /// - Precondition: 0 ≤ index < count.
    private subscript(index: Int) -> Event {
        let place = head + index
        return chunks[place / Self.chunkSize][place % Self.chunkSize]!
    }

    private mutating func removeFirst() -> Event? {
        guard count > 0 else { return nil }
        let event = chunks[0][head]
        chunks[0][head] = nil
        head += 1
        count -= 1
        byteCount -= event?.byteCount ?? 0
        if head == Self.chunkSize || count == 0 {
            chunks.removeFirst()
            head = 0
        }
        return event
    }

    /// The index of the first event after `sequence`, found by bisection.
    private func firstIndex(after sequence: UInt64) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].sequence > sequence { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// The receivers of an event in the log.
enum RecoveryTarget: Sendable {
    case broadcast(BroadcastTarget)
    case socket(SocketID, namespace: ByteString)

    /// Bytes that count against the limits in addition to the message: the names, and an estimate of the overhead.
    var byteCount: Int {
        guard case .broadcast(let target) = self else { return 128 }
        return (target.rooms + target.except).reduce(128) { $0 + $1.count + 16 }
    }
}

extension RecoverySession {
    /// Whether an event for `target` was for this session, by the same rules as ``Shard/deliver(_:)``.
    ///
    /// - Parameter rooms: the session's rooms, as a set.
    func receives(_ target: RecoveryTarget, rooms: Set<ByteString>) -> Bool {
        switch target {
        case .socket(let id, let namespace):
            id == socketID && namespace == self.namespace
        case .broadcast(let target):
            target.namespace == namespace
                && (target.rooms.isEmpty && target.socket == 0 || target.rooms.contains { rooms.contains($0) }
                    || target.socket != 0 && handles.contains(target.socket))
                && !target.except.contains { rooms.contains($0) }
                && (target.exceptSocket == 0 || !handles.contains(target.exceptSocket))
        }
    }
}

/// A Bloom filter with one hash function: one bit for each of a session's rooms. One instruction excludes most events
/// that are not for the session.
struct RecoveryFilter: Sendable {
    private var bits: UInt64 = 0

    private static let everything = ~UInt64(0)

    init(_ target: RecoveryTarget) {
        switch target {
        case .socket(let id, _): add(id)
        case .broadcast(let target):
            if target.rooms.isEmpty || target.socket != 0 { bits = Self.everything }
            for room in target.rooms where bits != Self.everything { add(room) }
        }
    }

    init(_ session: RecoverySession) {
        add(session.socketID)
        for room in session.rooms where bits != Self.everything { add(room) }
    }

    private mutating func add(_ key: some Hashable) {
        bits |= 1 << UInt64(truncatingIfNeeded: key.hashValue & 63)
    }

    /// False if the two have nothing in common.
    func mayMatch(_ other: RecoveryFilter) -> Bool { bits & other.bits != 0 }
}
