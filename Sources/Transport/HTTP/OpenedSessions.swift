import EngineIO

/// The last ``capacity`` sessions that were opened over one connection. A ring buffer.
struct OpenedSessions {
    /// A proxy's connection carries the handshakes of many users, and each user needs a round trip to join a namespace.
    /// This capacity allows 1,000 handshakes per second on one connection at a round trip of 250 ms.
    static let capacity = 256

    private var ids: ContiguousArray<SessionID> = []
    private var oldest = 0

    /// - Returns: the oldest session, which `id` replaces; nil while the ring is not full.
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
