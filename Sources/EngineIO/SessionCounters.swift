/// What one endpoint counted on one loop.
public struct SessionCounters: Sendable, Equatable {
    /// Sessions opened so far.
    public var opened: UInt64 = 0
    /// Sessions ended because their reader was too slow (``EngineOptions/maxBufferedOutput``).
    public var overflowed: UInt64 = 0

    /// Sessions ended because too many waited to join a namespace (``EngineOptions/maxUnconnectedSessions``, ``EngineOptions/maxUnconnectedBytes``).
    public var displaced: UInt64 = 0

    public init() {}
}
