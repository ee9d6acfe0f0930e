import CoreMetrics
import Foundation
import Glibc
import Logging
import PrometheusMetrics
import ServiceLifecycle

/// The composition root: a configuration becomes a running host.
public enum JackfieldDaemon {
    /// Semantic version of the daemon; the header has its own.
    public static let version = "0.1.0"

    /// Serves until SIGTERM or SIGINT, then stops within `limits.shutdownDeadline`. Once in a process.
    ///
    /// Ends the process itself, with exit code 1, if plugins had to be given up.
    ///
    /// - Throws: what kept it from starting: a required plugin, an address in use, a key that cannot be read.
    public static func run(_ configuration: Configuration) async throws {
        // Databases, keys and sockets that the daemon or a plugin makes are its owner's alone:
        // files 0600, folders 0700.
        umask(0o077)
        var configuration = configuration
        try configuration.loadDevelopmentKey()
        let metrics = PrometheusRegistry.ofDaemon()
        // Before anything asks swift-metrics for a metric.
        MetricsSystem.bootstrap(metrics)
        let (logger, deduplicator) = configuration.log.logger(label: "jackfield", metrics: metrics)
        defer { deduplicator.flush() }
        for warning in configuration.warnings { logger.warning("\(warning)") }

        // Before there is a thread that runs a plugin's code.
        let signals = try ProcessSignals()
        let service = try HostService(
            configuration, signals: signals, logger: logger, deduplicator: deduplicator, metrics: metrics)
        let services: [any Service] = [service] + [service.shutdownWatchdog].compactMap(\.self)
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                logger: quiet(logger)))
        do {
            try await group.run()
        } catch {
            guard service.mustExit else { throw error }
            try? FileHandle.standardError.write(contentsOf: Data("Error: \(error)\n".utf8))
        }
        if service.mustExit {
            deduplicator.flush()
            ShutdownWatchdog.exit(1)
        }
    }

    /// Finds what would keep the daemon from running, or a plugin from being loaded, and starts nothing. Plugins'
    /// libraries are mapped, and asked what they declare.
    public static func check(_ configuration: Configuration) async throws {
        var configuration = configuration
        try configuration.findDevelopmentKey()
        // A demo that has not run yet: its key will be made.
        if let auth = configuration.auth, !auth.hasKey { configuration.auth = nil }
        // Standard output is the settings'.
        let metrics = PrometheusRegistry.ofDaemon()
        var (logger, deduplicator) = configuration.log.logger(label: "jackfield", metrics: metrics)
        logger.logLevel = max(logger.logLevel, .warning)
        let service = try HostService(configuration, logger: logger, deduplicator: deduplicator, metrics: metrics)
        let problems = await service.checkPlugins()
        guard problems.isEmpty else { throw ConfigurationProblems(problems) }
    }

    /// The lifecycle library tells of every step; the host itself says what an operator wants to know.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
