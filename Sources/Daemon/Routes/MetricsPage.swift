import EngineIO
import PluginHost
import Presence
import SocketIO
import Transport

/// `/metrics`: what every module counts, gathered when somebody asks.
///
/// The loops count in plain integers of their own, so a message pays for no atomic; a scrape hops once over each loop.
struct MetricsPage: Sendable {
    let host: Host
    let presence: PresenceService
    let loops: Loops
    /// One for each loop, by its index.
    let presenceWatches: [SocketPresenceWatches]
    let recovery: RecoveryStore?
    let refusalLog: RefusalLog
    let deduplicator: LogDeduplicator

    func render() async -> [UInt8] {
        var text = MetricsText()
        text.add("jackfield_info", .gauge, "Version of the daemon.", [([("version", JackfieldDaemon.version)], 1)])
        await addLoops(to: &text)
        addPresence(to: &text)
        addRefusals(to: &text)
        addPlugins(to: &text)
        if let recovery { addRecovery(recovery.statistics, to: &text) }
        return text.bytes
    }

    private func addLoops(to text: inout MetricsText) async {
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
        perLoop("jackfield_clients", .gauge, "Engine.IO sessions with Socket.IO on top.") { Double($0.clients) }
        perLoop("jackfield_sockets", .gauge, "Sockets: clients times the namespaces they are in.") {
            Double($0.sockets)
        }
        perLoop("jackfield_dynamic_namespaces", .gauge, "Namespaces made from a pattern.") {
            Double($0.dynamicNamespaces)
        }
        perLoop("jackfield_connects_accepted_total", .counter, "CONNECTs accepted.") { Double($0.connectsAccepted) }
        perLoop("jackfield_connects_refused_total", .counter, "CONNECTs refused.") { Double($0.connectsRefused) }
        perLoop("jackfield_unknown_namespaces_total", .counter, "CONNECTs to no namespace.") {
            Double($0.unknownNamespaces)
        }
        perLoop("jackfield_events_received_total", .counter, "Events from clients.") { Double($0.eventsReceived) }
        perLoop("jackfield_acks_received_total", .counter, "Acks from clients.") { Double($0.acksReceived) }
        perLoop("jackfield_acks_ignored_total", .counter, "Acks nobody waited for.") { Double($0.acksIgnored) }
        perLoop("jackfield_acks_timed_out_total", .counter, "Acks that did not come in time.") {
            Double($0.acksTimedOut)
        }
        perLoop("jackfield_deliveries_total", .counter, "Messages queued by broadcasts.") { Double($0.deliveries) }
        perLoop("jackfield_bad_packets_total", .counter, "Clients closed for what they sent.") { Double($0.badPackets) }
        perLoop("jackfield_connect_timeouts_total", .counter, "Clients closed for joining no namespace.") {
            Double($0.connectTimeouts)
        }
        perLoop("jackfield_recovered_total", .counter, "Sockets that came back with their session.") {
            Double($0.recovered)
        }
        perLoop("jackfield_limited_total", .counter, "What limits of sockets and rooms refused.") { Double($0.limited) }
        text.add(
            "jackfield_presence_watches_refused_total", .counter,
            "Watches beyond a socket's limit, or of what is no user id.", refusedWatches)

        if let lags = try? await loops.lags() {
            text.addHistogram(
                "jackfield_loop_lag_seconds", "How late a loop comes to a tick that is due every 100 ms.",
                bounds: LoopLag.bounds.map { Double($0) / 1e9 },
                lags.enumerated().map {
                    ([("loop", String($0.offset))], $0.element.counts, Double($0.element.sum) / 1e9)
                })
        }
        guard let counters = try? await loops.counters() else { return }
        text.add("jackfield_connections_total", .counter, "TCP connections taken on.", counters.connections)
        addRefusals(counters, to: &text)
        text.add("jackfield_sessions_total", .counter, "Engine.IO sessions opened.", counters.sessions)
        text.add("jackfield_sessions", .gauge, "Engine.IO sessions, over polling and WebSocket.", counters.openSessions)
        text.add(
            "jackfield_held_bytes", .gauge,
            "What is held for clients: input that is not complete, output that waits, requests of sessions.",
            counters.heldBytes)
        text.add("jackfield_requests_total", .counter, "HTTP requests answered.", counters.requests)
        text.add(
            "jackfield_bad_requests_total", .counter, "Requests that were no HTTP or broke a limit.",
            counters.badRequests)
        text.add(
            "jackfield_slow_requests_total", .counter, "Connections too slow with a request.", counters.slowRequests)
        text.add("jackfield_websockets_total", .counter, "WebSockets opened.", counters.webSockets)
        text.add(
            "jackfield_websocket_violations_total", .counter, "WebSockets ended for breaking the protocol.",
            counters.webSocketViolations)
        text.add(
            "jackfield_foreign_origins_total", .counter, "WebSockets refused for their Origin.", counters.foreignOrigins
        )
        text.add(
            "jackfield_short_writes_total", .counter, "Writes that the kernel did not take whole.", counters.shortWrites
        )
    }

    /// What was refused or ended for a limit, by the limit.
    private func addRefusals(_ counters: LoopCounters, to text: inout MetricsText) {
        func byReason(_ name: String, _ help: String, _ values: [(String, UInt64)]) {
            text.add(name, .counter, help, values.map { ([("reason", $0.0)], Double($0.1)) })
        }
        byReason(
            "jackfield_connections_refused_total", "TCP connections refused, by limit.",
            [
                ("connections", counters.refusedConnections), ("address", counters.refusedConnectionsOfAddress),
                ("memory", counters.refusedForMemory),
            ])
        byReason(
            "jackfield_connections_cut_total",
            "TCP connections closed: nothing was read of an answer, memory was used up, or a close frame was not answered.",
            [
                ("slow_reader", counters.slowReaders), ("memory_stranger", counters.closedUnauthenticated),
                ("memory_reader", counters.closedSlowReaders),
                ("close_unanswered", counters.unansweredCloses),
            ])
        byReason(
            "jackfield_sessions_refused_total", "Handshakes refused for a limit.",
            [
                ("sessions", counters.refusedSessions), ("address", counters.refusedSessionsOfAddress),
                ("memory", counters.refusedSessionsForMemory),
            ])
        byReason(
            "jackfield_sessions_cut_total",
            "Sessions ended: their reader was too slow, or they joined nothing and others needed the room.",
            [("output", counters.overflowedSessions), ("before_connect", counters.displacedSessions)])
        byReason(
            "jackfield_handshakes_refused_total", "Requests to Engine.IO refused, by its error codes.",
            HandshakeError.allCases.map { (Self.label(of: $0), counters.refusedHandshakes[$0.rawValue]) })
        text.add("jackfield_bodies_refused_total", .counter, "Request bodies beyond a limit.", counters.refusedBodies)
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

    private func addPresence(to text: inout MetricsText) {
        text.add(
            "jackfield_users_online", .gauge, "Users with a connection, or within the grace of their last.",
            presence.onlineCount)
        text.add(
            "jackfield_users_forgotten_total", .counter, "Offline users whose last_seen was forgotten.",
            presence.forgottenCount)
    }

    private func addRefusals(to text: inout MetricsText) {
        text.add(
            "jackfield_refusals_total", .counter, "What was refused, by what was asked for and why.",
            refusalLog.all.sorted { "\($0.labels)" < "\($1.labels)" }.map { ($0.labels, Double($0.count)) })
        text.add(
            "jackfield_log_lines_folded_total", .counter,
            "Lines of the log that were counted instead of written, as they repeated others.", deduplicator.folded)
    }

    private func addPlugins(to text: inout MetricsText) {
        let statistics = host.statistics
        text.add("jackfield_unknown_events_total", .counter, "Events nobody registered.", statistics.unknownEvents)
        let plugins = host.status
        func perPlugin(_ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: (PluginStatus) -> Double) {
            text.add(name, kind, help, plugins.map { ([("plugin", $0.name)], value($0)) })
        }
        text.add(
            "jackfield_plugin_up", .gauge,
            "1 while the plugin is loaded and ready; of each that is configured or loaded.", ups())
        perPlugin("jackfield_plugin_queued", .gauge, "Callbacks that wait.") { Double($0.queued) }
        perPlugin("jackfield_plugin_queued_bytes", .gauge, "Bytes of callbacks that wait.") { Double($0.queuedBytes) }
        text.add(
            "jackfield_plugin_refused_total", .counter,
            "Callbacks refused: the queue was full, or the socket or the user had its share of it waiting.",
            plugins.flatMap { plugin in
                [
                    ("queue_full", plugin.refused), ("socket_share", plugin.refusedForSocket),
                    ("user_share", plugin.refusedForUser),
                ].map {
                    ([("plugin", plugin.name), ("reason", $0.0)], Double($0.1))
                }
            })
        perPlugin("jackfield_plugin_operations_refused_total", .counter, "Calls that found a loop's mailbox full.") {
            Double($0.refusedOperations)
        }
        perPlugin(
            "jackfield_plugin_joins_refused_total", .counter,
            "Joins of sockets in as many rooms as limits.roomsPerSocket allows."
        ) {
            Double($0.refusedJoins)
        }
        perPlugin("jackfield_plugin_log_lines_left_out_total", .counter, "Lines of the log beyond 100 a second.") {
            Double($0.leftOutLogLines)
        }
        perPlugin(
            "jackfield_plugin_results_left_out_total", .counter,
            "Answers and sockets left out of results for limits.pluginResultBytes."
        ) {
            Double($0.leftOutResults)
        }
        perPlugin(
            "jackfield_plugin_presence_watches_refused_total", .counter, "Watches of users beyond a plugin's limits."
        ) { Double($0.refusedWatches) }
        perPlugin("jackfield_plugin_handled_total", .counter, "Callbacks done.") { Double($0.handled) }
        perPlugin("jackfield_plugin_handler_seconds_total", .counter, "Time in callbacks.") {
            Double($0.handlerNanoseconds) / 1e9
        }
        perPlugin(
            "jackfield_plugin_slow_inline_calls_total", .counter,
            "Inline callbacks over their budget, of those sampled."
        ) {
            Double($0.slowInlineCalls)
        }
        perPlugin("jackfield_plugin_kept_tokens", .gauge, "Answers the plugin owes.") { Double($0.keptTokens) }
    }

    /// One sample for each name: of two plugins of one name the second is refused.
    private func ups() -> [(labels: [(String, String)], value: Double)] {
        var ups: [(labels: [(String, String)], value: Double)] = []
        for plugin in host.availability {
            let value: Double = plugin.reason == nil ? 1 : 0
            if let index = ups.firstIndex(where: { $0.labels[0].1 == plugin.name }) {
                ups[index].value = max(ups[index].value, value)
            } else {
                ups.append(([("plugin", plugin.name)], value))
            }
        }
        return ups
    }

    private func addRecovery(_ statistics: RecoveryStatistics, to text: inout MetricsText) {
        text.add("jackfield_recovery_sessions", .gauge, "Sessions kept for lost connections.", statistics.sessions)
        text.add("jackfield_recovery_session_bytes", .gauge, "Bytes of these sessions.", statistics.sessionBytes)
        text.add("jackfield_recovery_packets", .gauge, "Events kept for lost connections.", statistics.packets)
        text.add("jackfield_recovery_packet_bytes", .gauge, "Bytes of these events.", statistics.packetBytes)
        text.add("jackfield_recovery_restored_total", .counter, "Sessions given back.", statistics.restored)
        text.add(
            "jackfield_recovery_not_restored_total", .counter, "Sessions asked for in vain.", statistics.notRestored)
        text.add(
            "jackfield_recovery_sessions_dropped_total", .counter, "Sessions dropped for want of room.",
            statistics.sessionsDropped)
        text.add(
            "jackfield_recovery_packets_dropped_total", .counter, "Events dropped for want of room.",
            statistics.packetsDropped)
    }
}
