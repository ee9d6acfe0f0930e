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
