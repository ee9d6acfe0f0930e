import EngineIO
import NIOCore

/// What one loop counted since it began.
public struct LoopCounters: Sendable, Equatable {
    /// TCP connections taken on.
    public var connections: UInt64 = 0
    /// Connections refused because there were ``TransportOptions/maxConnections`` already.
    public var refusedConnections: UInt64 = 0
    /// Connections refused because their address had ``TransportOptions/maxConnectionsPerAddress`` already.
    public var refusedConnectionsOfAddress: UInt64 = 0
    /// Connections refused because ``TransportOptions/memory`` was used up.
    public var refusedForMemory: UInt64 = 0
    /// Sessions refused because ``TransportOptions/memory`` was used up.
    public var refusedSessionsForMemory: UInt64 = 0
    /// Connections of clients that nobody had let in, closed because ``TransportOptions/memory`` was used up.
    public var closedUnauthenticated: UInt64 = 0
    /// Connections closed because ``TransportOptions/memory`` was used up and nobody was slower to
    /// read what waited for him.
    public var closedSlowReaders: UInt64 = 0
    /// Connections closed because their peer took nothing of an answer for ``TransportOptions/bodyTimeout``.
    public var slowReaders: UInt64 = 0
    /// Sessions refused because there were ``TransportOptions/maxSessions`` already.
    public var refusedSessions: UInt64 = 0
    /// Sessions refused because their address had ``TransportOptions/maxSessionsPerAddress`` already.
    public var refusedSessionsOfAddress: UInt64 = 0
    /// Sessions there are; the only two numbers here that also go down are this and ``heldBytes``.
    public var openSessions: UInt64 = 0
    /// What is held for clients: input that is not complete, output that waits, the requests that opened sessions.
    public var heldBytes: UInt64 = 0
    /// Sessions opened.
    public var sessions: UInt64 = 0
    /// Sessions ended because their reader was too slow (``EngineOptions/maxBufferedOutput``).
    public var overflowedSessions: UInt64 = 0
    /// Sessions that joined no namespace, ended to make room for others.
    public var displacedSessions: UInt64 = 0
    /// Handshakes and requests of sessions refused, by ``HandshakeError``.
    public var refusedHandshakes = [UInt64](repeating: 0, count: HandshakeError.allCases.count)
    /// Request bodies over a limit; 413.
    public var refusedBodies: UInt64 = 0
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
    /// WebSocket connections closed because their client did not answer the close frame in
    /// ``TransportOptions/closeFrameTimeout``.
    public var unansweredCloses: UInt64 = 0
    /// Writes that the kernel did not take whole.
    public var shortWrites: UInt64 = 0

    public init() {}

    /// Adds what an endpoint counted.
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

    /// All plain numbers. Unsafe in name only: key paths are immutable, but not declared `Sendable`.
    private nonisolated(unsafe) static let fields: [WritableKeyPath<LoopCounters, UInt64>] = [
        \.connections, \.refusedConnections, \.refusedConnectionsOfAddress, \.refusedForMemory,
        \.refusedSessionsForMemory, \.closedUnauthenticated, \.closedSlowReaders,
        \.slowReaders, \.refusedSessions, \.refusedSessionsOfAddress, \.openSessions, \.heldBytes, \.sessions,
        \.overflowedSessions, \.displacedSessions,
        \.refusedBodies, \.requests, \.badRequests, \.slowRequests, \.webSockets, \.webSocketViolations,
        \.foreignOrigins, \.unansweredCloses, \.shortWrites,
    ]
}

/// How late a loop comes to what is due: housekeeping every ``interval``, measured against the clock. What holds a loop
/// up shows here, whatever it is.
public struct LoopLag: Sendable, Equatable {
    /// Upper bounds in nanoseconds; the last bucket has none.
    public static let bounds: [Int64] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000].map { $0 * 1_000_000 }

    /// From one run of the housekeeping to the next, in nanoseconds.
    static let interval: Int64 = 100_000_000

    /// Runs by bucket, each run in one; one more than there are ``bounds``.
    public private(set) var counts = [UInt64](repeating: 0, count: LoopLag.bounds.count + 1)
    /// Of all runs, in nanoseconds.
    public private(set) var sum: Int64 = 0

    public init() {}

    /// The housekeeping that was due at `moment` runs. A loop that was held up for several intervals has missed runs,
    /// each late by its own time.
    ///
    /// - Returns: when the next one is due.
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
    /// [loop] Begins what is done ten times a second: to measure the loop's lag, and to see that memory is enough.
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

    /// A second.
    private static let runsBetweenShrinks: UInt64 = 10

    private func watchMemory() {
        account.publish()
        guard account.budget.isExceeded else {
            wasExceeded = false
            return
        }
        closeUnauthenticated()
        // Not in the first run: the other loops close their unauthenticated clients first.
        if wasExceeded { closeSlowReaders() }
        wasExceeded = true
    }
}
