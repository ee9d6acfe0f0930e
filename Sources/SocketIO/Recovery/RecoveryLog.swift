import EngineIO
import Support

/// The latest events, oldest first. What ``RecoveryStore`` guards by one lock, on the way of every broadcast: each
/// operation takes constant time, and what is dropped is returned, to be freed when the lock is free again.
struct RecoveryLog {
    struct Event: Sendable {
        let sequence: UInt64
        let target: RecoveryTarget
        let filter: RecoveryFilter
        let message: SharedMessage
        let byteCount: Int
        /// Monotonic ms, as of the last ``RecoveryStore/expire(now:)``.
        let appended: Int64
    }

    private let options: RecoveryOptions

    /// Chunks of ``chunkSize`` events; of the first one those before `head` are gone.
    private var chunks: [[Event?]] = []
    private var head = 0
    private static let chunkSize = 512

    private(set) var count = 0
    private(set) var byteCount = 0
    /// Events dropped for want of room.
    private(set) var droppedCount: UInt64 = 0
    /// The newest of them, and when it was appended.
    private var dropped: (sequence: UInt64, appended: Int64)?

    private(set) var lastSequence: UInt64 = 0
    private var now: Int64

    init(options: RecoveryOptions, now: Int64) {
        self.options = options
        self.now = now
    }

    /// Gives the next place away. `target` is `nil` for an event that is not kept.
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

    /// Drops the oldest event if there are too many, or too large ones. To be repeated until it returns `nil`.
    mutating func trim() -> Event? {
        guard count > options.maxPackets || byteCount > options.maxPacketBytes, let event = removeFirst() else {
            return nil
        }
        dropped = (event.sequence, event.appended)
        droppedCount += 1
        return event
    }

    /// Drops the oldest event if it is too old. To be repeated until it returns `nil`.
    mutating func expire(now: Int64) -> Event? {
        self.now = max(self.now, now)
        guard let first, first.appended < horizon(self.now) else { return nil }
        return removeFirst()
    }

    /// Copies events past `sequence` that may be for a session, oldest first: those that one look finds.
    ///
    /// - Parameter batch: takes them; at most its capacity.
    /// - Returns: up to where it has looked; `nil` if events past `sequence` were dropped that the session may need.
    func copy(after sequence: UInt64, meeting filter: RecoveryFilter, now: Int64, into batch: inout [Event]) -> UInt64?
    {
        guard sequence <= lastSequence else { return nil }
        if let dropped, sequence < dropped.sequence, dropped.appended >= horizon(max(now, self.now)) { return nil }
        var index = firstIndex(after: sequence)
        var looked = sequence
        let end = min(count, index + Self.chunkSize)
        while index < end {
            let event = self[index]
            if event.filter.mayMeet(filter) {
                guard batch.count < batch.capacity else { return looked }
                batch.append(event)
            }
            looked = event.sequence
            index += 1
        }
        return index == count ? lastSequence : looked
    }

    // MARK: - Inside

    /// Events appended before were received by every session that can still return: one whose connection had lost them
    /// was closed more than ``RecoveryOptions/maxDisconnectionDuration`` ago.
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

    /// The first event past `sequence`, by bisection.
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

/// Whom an event in the log was for.
enum RecoveryTarget: Sendable {
    case broadcast(BroadcastTarget)
    case socket(SocketID, namespace: ByteString)

    /// What it counts for against the limits besides the message: its texts, and a guess at what holds them.
    var byteCount: Int {
        guard case .broadcast(let target) = self else { return 128 }
        return (target.rooms + target.except).reduce(128) { $0 + $1.count + 16 }
    }
}

extension RecoverySession {
    /// Whether an event for `target` was for this session: as a broadcast would have chosen it.
    ///
    /// - Parameter rooms: the session's, as a set.
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

/// Tells most events that are not for a session in one instruction: a bit for each of its rooms
/// (Bloom's filter with one hash).
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

    /// False: nothing in common.
    func mayMeet(_ other: RecoveryFilter) -> Bool { bits & other.bits != 0 }
}
