import PluginHost
import Presence
import PrometheusMetrics
import SocketIO
import Support

/// Reads what the plugin host, the presence table and the recovery store count.
struct HostCollector: MetricsCollector {
    let host: Host
    let presence: PresenceService
    let recovery: RecoveryStore?

    func collect(into text: inout MetricsText) {
        text.add("jackfield_info", .gauge, "Version of the daemon.", [([("version", JackfieldDaemon.version)], 1)])
        addPresence(to: &text)
        addPlugins(to: &text)
        if let recovery { addRecovery(recovery.statistics, to: &text) }
    }

    private func addPresence(to text: inout MetricsText) {
        text.add(
            "jackfield_users_online", .gauge,
            "Users with a connection, or within the grace period after their last one.",
            presence.onlineCount)
        text.add(
            "jackfield_users_forgotten_total", .counter, "Offline users whose last_seen was forgotten.",
            presence.forgottenCount)
    }

    private func addPlugins(to text: inout MetricsText) {
        let statistics = host.statistics
        text.add(
            "jackfield_unknown_events_total", .counter, "Events that no plugin registered.", statistics.unknownEvents)
        let plugins = host.status
        func perPlugin(_ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: (PluginStatus) -> Double) {
            text.add(name, kind, help, plugins.map { ([("plugin", $0.name)], value($0)) })
        }
        text.add(
            "jackfield_plugin_up", .gauge,
            "1 while the plugin is loaded and ready, else 0. One for each configured or loaded plugin.", ups())
        perPlugin("jackfield_plugin_queued", .gauge, "Callbacks that wait in the plugin's queue.") { Double($0.queued) }
        perPlugin("jackfield_plugin_queued_bytes", .gauge, "Bytes of the callbacks that wait.") {
            Double($0.queuedBytes)
        }
        perPlugin(
            "jackfield_plugin_queue_age_seconds", .gauge, "How long the callback that has waited longest has waited."
        ) { Double($0.oldestWait) / 1e9 }
        text.add(
            "jackfield_plugin_refused_total", .counter,
            "Callbacks refused because the queue, or the share of one socket or user in it, was full.",
            plugins.flatMap { plugin in
                [
                    ("queue_full", plugin.refused), ("socket_share", plugin.refusedForSocket),
                    ("user_share", plugin.refusedForUser),
                ].map {
                    ([("plugin", plugin.name), ("reason", $0.0)], Double($0.1))
                }
            })
        perPlugin(
            "jackfield_plugin_operations_refused_total", .counter,
            "Calls refused because the mailbox of a loop was full."
        ) {
            Double($0.refusedOperations)
        }
        perPlugin(
            "jackfield_plugin_joins_refused_total", .counter,
            "Joins refused because the socket was in limits.roomsPerSocket rooms."
        ) {
            Double($0.refusedJoins)
        }
        perPlugin(
            "jackfield_plugin_log_lines_left_out_total", .counter,
            "Log lines left out because the plugin wrote more than 100 in a second."
        ) {
            Double($0.suppressedLogLines)
        }
        perPlugin(
            "jackfield_plugin_results_left_out_total", .counter,
            "Answers and sockets left out of results larger than limits.pluginResultBytes."
        ) {
            Double($0.droppedResults)
        }
        perPlugin(
            "jackfield_plugin_presence_watches_refused_total", .counter,
            "Presence watches refused because they exceeded the plugin's limits."
        ) { Double($0.refusedWatches) }
        perPlugin("jackfield_plugin_handled_total", .counter, "Callbacks finished.") { Double($0.handled) }
        text.add(
            "jackfield_plugin_errors_total", .counter,
            "Errors with which the plugin answered, by what they answered.",
            plugins.flatMap { plugin in
                plugin.errors.map { ([("plugin", plugin.name), ("to", $0.kind)], Double($0.count)) }
            })
        text.addHistogram(
            "jackfield_plugin_callback_seconds", "How long callbacks took; quick ones are measured several at a time.",
            bounds: PluginStatus.callbackBounds.map { Double($0) / 1e9 },
            plugins.map { ([("plugin", $0.name)], $0.callbackTimes, Double($0.handlerNanoseconds) / 1e9) })
        perPlugin(
            "jackfield_plugin_handler_seconds_total", .counter,
            "Time spent in callbacks, in seconds; of inline handlers an estimate from samples."
        ) {
            Double($0.handlerNanoseconds) / 1e9
        }
        perPlugin(
            "jackfield_plugin_slow_inline_calls_total", .counter,
            "Sampled inline callbacks that took longer than their budget."
        ) {
            Double($0.slowInlineCalls)
        }
        perPlugin(
            "jackfield_plugin_slow_callbacks_total", .counter,
            "Callbacks on the strand and the lanes that took longer than limits.slowCallback."
        ) { Double($0.slowCallbacks) }
        perPlugin("jackfield_plugin_reloads_total", .counter, "How often a plugin of this name was loaded again.") {
            Double($0.reloads)
        }
        text.add(
            "jackfield_contract_violations_total", .counter,
            "Events emitted with arguments that break the signature that the plugin declared for them.",
            plugins.flatMap { plugin in
                plugin.contractViolations.map {
                    ([("plugin", plugin.name), ("event", $0.event)], Double($0.count))
                }
            })
        text.add(
            "jackfield_plugin_service_available", .gauge,
            "1 while a plugin provides the service that this plugin has bound, else 0.",
            plugins.flatMap(bindings))
        text.add(
            "jackfield_plugin_worker_restarts_total", .counter,
            "Worker processes that were started in place of one that had ended.",
            plugins.compactMap { plugin in
                plugin.worker.map { ([("plugin", plugin.name)], Double($0.restarts)) }
            })
        text.add(
            "jackfield_plugin_worker_exits_total", .counter, "Ends of worker processes, by reason.",
            plugins.flatMap { plugin in
                (plugin.worker?.exits ?? []).map {
                    ([("plugin", plugin.name), ("reason", $0.reason.rawValue)], Double($0.count))
                }
            })
        text.add(
            "jackfield_plugin_worker_memory_bytes", .gauge, "Resident memory of the worker process.",
            plugins.compactMap { plugin in
                plugin.worker.map { ([("plugin", plugin.name)], Double($0.memoryBytes)) }
            })
        perPlugin("jackfield_plugin_kept_tokens", .gauge, "Reply tokens that the plugin kept and has not completed.") {
            Double($0.keptTokens)
        }
    }

    /// One sample for each service that a plugin has bound, which it may have done several times.
    private func bindings(of plugin: PluginStatus) -> [(labels: [(String, String)], value: Double)] {
        Dictionary(plugin.boundServices.map { (ByteString($0.title), $0.provider != nil) }) { $0 || $1 }
            .sorted { $0.key < $1.key }
            .map { ([("plugin", plugin.name), ("service", $0.key.text)], $0.value ? 1 : 0) }
    }

    /// One sample for each name. Two configured plugins may have one name, of which the host refuses the second.
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
        text.add("jackfield_recovery_restored_total", .counter, "Sessions recovered.", statistics.restored)
        text.add(
            "jackfield_recovery_not_restored_total", .counter,
            "Recoveries refused: the session was expired or unknown, or events were lost.", statistics.notRestored)
        text.add(
            "jackfield_recovery_sessions_dropped_total", .counter, "Sessions dropped early because the store was full.",
            statistics.sessionsDropped)
        text.add(
            "jackfield_recovery_packets_dropped_total", .counter, "Events dropped early because the store was full.",
            statistics.packetsDropped)
    }
}
