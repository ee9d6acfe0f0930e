import PrometheusMetrics

extension PrometheusRegistry {
    /// A registry with the help texts of what the daemon reports through swift-metrics.
    static func ofDaemon() -> PrometheusRegistry {
        let metrics = PrometheusRegistry()
        metrics.describe("jackfield_refusals_total", "Refused requests, CONNECTs and events, by place and reason.")
        metrics.describe(
            "jackfield_log_lines_folded_total", "Log lines that were counted instead of written, as they repeat others."
        )
        metrics.describe(
            "jackfield_http_request_duration_seconds",
            "Time from a complete request to its answer, of plugins' routes that do not run inline.")
        metrics.describe("jackfield_plugin_load_seconds", "How long the last load of the plugin took.")
        return metrics
    }
}
