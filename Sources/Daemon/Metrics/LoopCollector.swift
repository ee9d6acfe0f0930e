import EngineIO
import PrometheusMetrics
import SocketIO
import Transport

/// Reads what the event loops count.
///
/// The loops count in plain integers of their own, so that a message costs no atomic operation. Each page runs a few
/// jobs on every loop.
struct LoopCollector: MetricsCollector {
    let loops: Loops
    /// One for each loop, by its index.
    let presenceWatches: [SocketPresenceWatches]

    func collect(into text: inout MetricsText) async {
        var shards: [ShardStatistics] = []
        var refusedWatches: UInt64 = 0
        for (loop, watches) in zip(loops.all, presenceWatches) {
            let (statistics, refused) = await withCheckedContinuation { continuation in
                loop.execute { shard in continuation.resume(returning: (shard.statistics, watches.refused)) }
            }
            shards.append(statistics)
            refusedWatches += refused
        }
        func perLoop(_ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: (ShardStatistics) -> Double) {
            text.add(name, kind, help, shards.enumerated().map { ([("loop", String($0.offset))], value($0.element)) })
        }
        perLoop("jackfield_clients", .gauge, "Clients: Engine.IO sessions that speak Socket.IO.") { Double($0.clients) }
        perLoop("jackfield_sockets", .gauge, "Sockets; a client has one in each namespace it joined.") {
            Double($0.sockets)
        }
        perLoop("jackfield_dynamic_namespaces", .gauge, "Namespaces that were made from a pattern and exist now.") {
            Double($0.dynamicNamespaces)
        }
        perLoop("jackfield_connects_accepted_total", .counter, "CONNECT packets accepted.") {
            Double($0.connectsAccepted)
        }
        perLoop("jackfield_connects_refused_total", .counter, "CONNECT packets refused.") { Double($0.connectsRefused) }
        perLoop(
            "jackfield_unknown_namespaces_total", .counter,
            "CONNECT packets to a namespace that does not exist, or that a limit forbade."
        ) {
            Double($0.unknownNamespaces)
        }
        perLoop("jackfield_events_received_total", .counter, "Events from clients.") { Double($0.eventsReceived) }
        perLoop("jackfield_acks_received_total", .counter, "Acks from clients.") { Double($0.acksReceived) }
        perLoop(
            "jackfield_acks_ignored_total", .counter,
            "Acks that the host does not wait for: late, repeated or invented."
        ) { Double($0.acksIgnored) }
        perLoop("jackfield_acks_timed_out_total", .counter, "Acks that clients did not send in time.") {
            Double($0.acksTimedOut)
        }
        perLoop("jackfield_deliveries_total", .counter, "Messages queued by broadcasts, one for each socket.") {
            Double($0.deliveries)
        }
        perLoop("jackfield_bad_packets_total", .counter, "Clients closed because they sent an invalid packet.") {
            Double($0.badPackets)
        }
        perLoop(
            "jackfield_connect_timeouts_total", .counter, "Clients closed because they joined no namespace in time."
        ) {
            Double($0.connectTimeouts)
        }
        perLoop("jackfield_recovered_total", .counter, "Sockets recovered with their session after a lost connection.")
        {
            Double($0.recovered)
        }
        perLoop("jackfield_limited_total", .counter, "Operations refused for a limit on sockets or rooms.") {
            Double($0.limited)
        }
        text.add(
            "jackfield_presence_watches_refused_total", .counter,
            "Presence watches refused: beyond the limit of a socket, or with an invalid user id.", refusedWatches)

        if let lags = try? await loops.lags() {
            text.addHistogram(
                "jackfield_loop_lag_seconds", "How late a loop runs a timer that is due every 100 ms.",
                bounds: LoopLag.bounds.map { Double($0) / 1e9 },
                lags.enumerated().map {
                    ([("loop", String($0.offset))], $0.element.counts, Double($0.element.sum) / 1e9)
                })
        }
        guard let counters = try? await loops.counters() else { return }
        text.add("jackfield_connections_total", .counter, "TCP connections accepted.", counters.connections)
        addRefusals(counters, to: &text)
        text.add("jackfield_sessions_total", .counter, "Engine.IO sessions opened.", counters.sessions)
        text.add(
            "jackfield_sessions", .gauge, "Open Engine.IO sessions, over polling and WebSocket.", counters.openSessions)
        text.add(
            "jackfield_held_bytes", .gauge,
            "Bytes held for clients: incomplete input, output that waits, handshake requests of sessions.",
            counters.heldBytes)
        text.add("jackfield_requests_total", .counter, "HTTP requests answered.", counters.requests)
        text.add(
            "jackfield_bad_requests_total", .counter, "Requests that were not valid HTTP or exceeded a limit.",
            counters.badRequests)
        text.add(
            "jackfield_slow_requests_total", .counter, "Connections closed because they sent a request too slowly.",
            counters.slowRequests)
        text.add("jackfield_websockets_total", .counter, "WebSocket connections opened.", counters.webSockets)
        text.add(
            "jackfield_websocket_violations_total", .counter,
            "WebSocket connections closed because the client broke the protocol or a limit.",
            counters.webSocketViolations)
        text.add(
            "jackfield_foreign_origins_total", .counter, "WebSocket handshakes refused because of their Origin.",
            counters.foreignOrigins
        )
        text.add(
            "jackfield_short_writes_total", .counter, "Writes of which the kernel accepted only a part.",
            counters.shortWrites
        )
    }

    /// Connections, sessions and requests that a limit refused or ended, by the limit.
    private func addRefusals(_ counters: LoopCounters, to text: inout MetricsText) {
        func byReason(_ name: String, _ help: String, _ values: [(String, UInt64)]) {
            text.add(name, .counter, help, values.map { ([("reason", $0.0)], Double($0.1)) })
        }
        byReason(
            "jackfield_connections_refused_total", "TCP connections refused, by the limit that was reached.",
            [
                ("connections", counters.refusedConnections), ("address", counters.refusedConnectionsOfAddress),
                ("memory", counters.refusedForMemory),
            ])
        byReason(
            "jackfield_connections_cut_total",
            "TCP connections closed because the client read too slowly, memory was used up, or a close frame was not answered.",
            [
                ("slow_reader", counters.slowReaders), ("memory_unauthenticated", counters.closedUnauthenticated),
                ("memory_reader", counters.closedSlowReaders),
                ("close_unanswered", counters.unansweredCloses),
            ])
        byReason(
            "jackfield_sessions_refused_total", "Engine.IO handshakes refused, by the limit that was reached.",
            [
                ("sessions", counters.refusedSessions), ("address", counters.refusedSessionsOfAddress),
                ("memory", counters.refusedSessionsForMemory),
            ])
        byReason(
            "jackfield_sessions_cut_total",
            "Sessions closed because the client read too slowly, or had joined no namespace when others needed its place.",
            [("output", counters.overflowedSessions), ("before_connect", counters.displacedSessions)])
        byReason(
            "jackfield_handshakes_refused_total", "Engine.IO requests refused, by the protocol's error codes.",
            HandshakeError.allCases.map { (Self.label(of: $0), counters.refusedHandshakes[$0.rawValue]) })
        text.add(
            "jackfield_bodies_refused_total", .counter, "Request bodies that exceeded a limit.", counters.refusedBodies)
    }

    private static func label(of error: HandshakeError) -> String {
        switch error {
        case .unknownTransport: "transport"
        case .unknownSession: "session"
        case .badMethod: "method"
        case .badRequest: "request"
        case .forbidden: "forbidden"
        case .unsupportedVersion: "version"
        case .overloaded: "overloaded"
        }
    }
}
