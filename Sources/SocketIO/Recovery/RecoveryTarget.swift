import Support

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

/// Tells most events that are not for a session in one instruction: a bit for each of its rooms (Bloom's filter with one hash).
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
