import CoreMetrics
import Foundation
import Glibc
import Logging
import PrometheusMetrics
import ServiceLifecycle

/// Runs a host with a configuration.
public enum JackfieldDaemon {
    /// Semantic version of the daemon. The plugin header has a version of its own.
    public static let version = "0.1.0"

    /// Serves until SIGTERM or SIGINT, then stops within `limits.shutdownDeadline`. Call it once in a process.
    ///
    /// Ends the process with exit code 1 if a plugin was abandoned because a callback did not return.
    ///
    /// - Parameter source: where the configuration was read, to read it again on SIGHUP and for the command `reload`.
    /// - Throws: why it did not start: a required plugin failed, the address is in use, a key cannot be read.
    public static func run(_ configuration: Configuration, from source: ConfigurationSource) async throws {
        // Only the owner can access the databases, keys and sockets that the daemon or a plugin creates: files get the
        // mode 0600, folders 0700.
        umask(0o077)
        var configuration = configuration
        try configuration.loadDevelopmentKey()
        let metrics = PrometheusRegistry.ofDaemon()
        // Before the first metric is made: one that was made earlier would count nothing.
        MetricsSystem.bootstrap(metrics)
        let (logger, deduplicator, threshold) = configuration.log.logger(label: "jackfield", metrics: metrics)
        defer { deduplicator.flush() }
        for warning in configuration.warnings { logger.warning("\(warning)") }

        // Before any thread runs a plugin's code.
        defer { CrashReporting.expectExit() }
        let crashes = CrashReporting(configuration.crashFile, format: configuration.log.format, logger: logger)
        crashes.isolate(in: &configuration, logger: logger)
        let signals = try ProcessSignals()
        let service = try HostService(
            configuration, from: source.isolating(crashes.records), signals: signals, logger: logger,
            deduplicator: deduplicator,
            threshold: threshold, metrics: metrics)
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

    /// Checks whether the daemon could run and load its plugins, without starting it. Plugin libraries are mapped, and
    /// their descriptors read.
    public static func check(_ configuration: Configuration) async throws {
        var configuration = configuration
        try configuration.findDevelopmentKey()
        // The key of a demo that has not run yet is created by its first start.
        if let auth = configuration.auth, !auth.hasKey { configuration.auth = nil }
        // The command prints the settings; only warnings and errors are logged beside them.
        let metrics = PrometheusRegistry.ofDaemon()
        var (logger, deduplicator, threshold) = configuration.log.logger(label: "jackfield", metrics: metrics)
        logger.logLevel = max(logger.logLevel, .warning)
        let service = try HostService(
            configuration, logger: logger, deduplicator: deduplicator, threshold: threshold, metrics: metrics)
        let problems = await service.checkPlugins()
        guard problems.isEmpty else { throw ConfigurationProblems(problems) }
    }

    /// The lifecycle library logs every step at `info`; operators need only what the host logs.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
