import EngineIO
import NIOCore

/// The counters of one loop since it started.
public struct LoopCounters: Sendable, Equatable {
    /// TCP connections accepted.
    public var connections: UInt64 = 0
    /// Connections refused because ``TransportOptions/maxConnections`` were open.
    public var refusedConnections: UInt64 = 0
    /// Connections refused because their address had ``TransportOptions/maxConnectionsPerAddress`` open.
    public var refusedConnectionsOfAddress: UInt64 = 0
    /// Connections refused because ``TransportOptions/memory`` was used up.
    public var refusedForMemory: UInt64 = 0
    /// Sessions refused because ``TransportOptions/memory`` was used up.
    public var refusedSessionsForMemory: UInt64 = 0
    /// Connections of unauthenticated clients closed because ``TransportOptions/memory`` was used up.
    public var closedUnauthenticated: UInt64 = 0
    /// Connections and sessions with the most unsent output, closed because ``TransportOptions/memory`` was used up.
    public var closedSlowReaders: UInt64 = 0
    /// Connections closed because their peer read nothing of an answer for ``TransportOptions/bodyTimeout``.
    public var slowReaders: UInt64 = 0
    /// Sessions refused because there were ``TransportOptions/maxSessions``.
    public var refusedSessions: UInt64 = 0
    /// Sessions refused because their address had ``TransportOptions/maxSessionsPerAddress``.
    public var refusedSessionsOfAddress: UInt64 = 0
    /// Open sessions. Only this and ``heldBytes`` are gauges; all others only increase.
    public var openSessions: UInt64 = 0
    /// Bytes held for clients: incomplete input, unsent output and the requests that opened sessions.
    public var heldBytes: UInt64 = 0
    /// Sessions opened.
    public var sessions: UInt64 = 0
    /// Sessions closed because their unsent output exceeded ``EngineOptions/maxBufferedOutput``.
    public var overflowedSessions: UInt64 = 0
    /// Sessions in no namespace, closed to make room for new ones.
    public var displacedSessions: UInt64 = 0
    /// Refused handshakes, and refused requests of sessions, by ``HandshakeError``.
    public var refusedHandshakes = [UInt64](repeating: 0, count: HandshakeError.allCases.count)
    /// Request bodies over a limit; answered 413.
    public var refusedBodies: UInt64 = 0
    /// HTTP requests received.
    public var requests: UInt64 = 0
    /// Requests that were not valid HTTP/1.1 or exceeded a limit of the head.
    public var badRequests: UInt64 = 0
    /// Requests that did not arrive completely in ``TransportOptions/bodyTimeout``; answered 408.
    public var slowRequests: UInt64 = 0
    /// WebSocket connections opened.
    public var webSockets: UInt64 = 0
    /// WebSocket connections ended because the client violated the protocol or a limit.
    public var webSocketViolations: UInt64 = 0
    /// WebSocket handshakes refused because of their Origin.
    public var foreignOrigins: UInt64 = 0
    /// WebSocket connections closed because their client did not answer the close frame in time
    /// (``TransportOptions/closeFrameTimeout``).
    public var unansweredCloses: UInt64 = 0
    /// Writes of which the kernel accepted only a part, or nothing.
    public var shortWrites: UInt64 = 0

    public init() {}

    /// Adds the counters of an endpoint's sessions.
    mutating func add(_ table: SessionTable) {
        openSessions += UInt64(table.count)
        sessions += table.counters.opened
        overflowedSessions += table.counters.overflowed
        displacedSessions += table.counters.displaced
    }

    static func + (left: LoopCounters, right: LoopCounters) -> LoopCounters {
        var sum = left
        for field in fields { sum[keyPath: field] += right[keyPath: field] }
        for index in sum.refusedHandshakes.indices { sum.refusedHandshakes[index] += right.refusedHandshakes[index] }
        return sum
    }

    /// All counters but ``refusedHandshakes``. `nonisolated(unsafe)`: key paths are immutable, but not declared
    /// `Sendable`.
    nonisolated(unsafe) static let fields: [WritableKeyPath<LoopCounters, UInt64>] = [
        \.connections, \.refusedConnections, \.refusedConnectionsOfAddress, \.refusedForMemory,
        \.refusedSessionsForMemory, \.closedUnauthenticated, \.closedSlowReaders,
        \.slowReaders, \.refusedSessions, \.refusedSessionsOfAddress, \.openSessions, \.heldBytes, \.sessions,
        \.overflowedSessions, \.displacedSessions,
        \.refusedBodies, \.requests, \.badRequests, \.slowRequests, \.webSockets, \.webSocketViolations,
        \.foreignOrigins, \.unansweredCloses, \.shortWrites,
    ]
}

/// How late the loop's housekeeping runs, which is due every ``interval``. Anything that blocks the loop shows here.
public struct LoopLag: Sendable, Equatable {
    /// Upper bounds of the buckets in nanoseconds; the last bucket has none.
    public static let bounds: [Int64] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000].map { $0 * 1_000_000 }

    /// Time between two runs of the housekeeping, in nanoseconds.
    static let interval: Int64 = 100_000_000

    /// Runs in each bucket (not cumulative); one element more than ``bounds``.
    public private(set) var counts = [UInt64](repeating: 0, count: LoopLag.bounds.count + 1)
    /// The lateness of all runs together, in nanoseconds.
    public private(set) var sum: Int64 = 0

    public init() {}

    /// Records that the housekeeping which was due at `moment` runs at `now`. If more than one interval has passed,
    /// each missed run is recorded too, with its own lateness.
    ///
    /// - Returns: when the next run is due.
    mutating func recordRun(due moment: Int64, now: Int64) -> Int64 {
        var due = moment
        repeat {
            let lateness = max(0, now - due)
            counts[Self.bounds.firstIndex { lateness <= $0 } ?? Self.bounds.count] += 1
            sum += lateness
            due += Self.interval
        } while due <= now
        return due
    }
}

extension Loop {
    /// [loop] Starts the housekeeping, which runs ten times a second: it measures the lag and watches the memory.
    func startHousekeeping() {
        housekeep(at: .now() + .nanoseconds(LoopLag.interval))
    }

    private func housekeep(at moment: NIODeadline) {
        _ = eventLoop.assumeIsolated().scheduleTask(deadline: moment) { [unowned self] in
            let next = lag.recordRun(
                due: Int64(moment.uptimeNanoseconds), now: Int64(NIODeadline.now().uptimeNanoseconds))
            watchMemory()
            housekeepingRuns += 1
            if housekeepingRuns % Self.runsBetweenShrinks == 0 { wheel.shrink() }
            housekeep(at: .uptimeNanoseconds(UInt64(next)))
        }
    }

    /// Once per second.
    private static let runsBetweenShrinks: UInt64 = 10

    private func watchMemory() {
        account.publish()
        guard account.budget.isExceeded else {
            wasExceeded = false
            return
        }
        closeUnauthenticated()
        // Not in the first run over budget: the other loops close their unauthenticated clients first.
        if wasExceeded { closeSlowReaders() }
        wasExceeded = true
    }
}
