/// What one loop counted since it began.
public struct LoopCounters: Sendable, Equatable {
    /// TCP connections taken on.
    public var connections: UInt64 = 0
    /// Connections refused because there were ``TransportOptions/maxConnections`` already.
    public var refusedConnections: UInt64 = 0
    /// HTTP requests answered.
    public var requests: UInt64 = 0
    /// Requests that were no HTTP, or broke a limit.
    public var badRequests: UInt64 = 0
    /// Connections ended because they took too long to send a request.
    public var slowRequests: UInt64 = 0
    /// WebSocket connections opened.
    public var webSockets: UInt64 = 0
    /// WebSocket connections ended for breaking the protocol or a limit.
    public var webSocketViolations: UInt64 = 0
    /// WebSocket handshakes refused because of their Origin.
    public var foreignOrigins: UInt64 = 0
    /// Writes that the kernel did not take whole.
    public var shortWrites: UInt64 = 0

    public init() {}

    static func + (left: LoopCounters, right: LoopCounters) -> LoopCounters {
        var sum = left
        sum.connections += right.connections
        sum.refusedConnections += right.refusedConnections
        sum.requests += right.requests
        sum.badRequests += right.badRequests
        sum.slowRequests += right.slowRequests
        sum.webSockets += right.webSockets
        sum.webSocketViolations += right.webSocketViolations
        sum.foreignOrigins += right.foreignOrigins
        sum.shortWrites += right.shortWrites
        return sum
    }
}
