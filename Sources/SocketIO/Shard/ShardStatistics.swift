/// What happened on one shard. Gauges say how many there are; everything else only grows.
public struct ShardStatistics: Sendable, Hashable {
    /// Connections now, whether or not they joined a namespace.
    public var clients = 0
    /// Sockets now: a client in three namespaces counts three times.
    public var sockets = 0
    /// Namespaces alive now that were made from a pattern.
    public var dynamicNamespaces = 0

    public var connectsAccepted: UInt64 = 0
    public var connectsRefused: UInt64 = 0
    /// CONNECTs to namespaces that do not exist, or that a limit forbade.
    public var unknownNamespaces: UInt64 = 0
    public var eventsReceived: UInt64 = 0
    public var acksReceived: UInt64 = 0
    /// Acks nobody waited for: late, repeated, or made up.
    public var acksIgnored: UInt64 = 0
    public var acksTimedOut: UInt64 = 0
    /// Messages queued by broadcasts: one for each socket.
    public var deliveries: UInt64 = 0
    /// Connections closed for what they sent.
    public var badPackets: UInt64 = 0
    /// Connections closed for joining no namespace in time.
    public var connectTimeouts: UInt64 = 0
    /// Sockets that came back with their session.
    public var recovered: UInt64 = 0
    /// What a limit of ``SocketOptions`` refused.
    public var limited: UInt64 = 0

    public init() {}
}
