import EngineIO

/// The sessions that were opened over one connection, the last ``capacity`` of them: a ring.
struct OpenedSessions {
    /// A proxy's connection carries the handshakes of many users, each of which takes a round trip to join a
    /// namespace: with this many a proxy may send a thousand handshakes a second over one connection to users a
    /// quarter of a second away.
    static let capacity = 256

    private var ids: ContiguousArray<SessionID> = []
    private var oldest = 0

    /// - Returns: the one that fell out.
    mutating func add(_ id: SessionID) -> SessionID? {
        guard ids.count == Self.capacity else {
            ids.append(id)
            return nil
        }
        defer {
            ids[oldest] = id
            oldest = (oldest + 1) % Self.capacity
        }
        return ids[oldest]
    }
}
