/// Numbers of the plugin host that belong to no plugin. They only grow.
public struct HostStatistics: Sendable, Equatable {
    /// Events that nobody registered.
    public var unknownEvents: UInt64 = 0

    public init() {}
}
