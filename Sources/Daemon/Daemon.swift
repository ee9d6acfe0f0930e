import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// The composition root: a configuration becomes a running host.
public enum Daemon {
    /// Semantic version of the daemon; the header has its own.
    public static let version = "0.1.0"

    /// Serves until SIGTERM or SIGINT, then stops within `limits.shutdownDeadline`.
    ///
    /// - Throws: what kept it from starting: a required plugin, an address in use, a key that cannot be read.
    public static func run(_ configuration: Configuration) async throws {
        // Databases, keys and sockets that the daemon or a plugin makes are its owner's alone: files 0600, folders 0700.
        umask(0o077)
        var configuration = configuration
        try configuration.loadDevelopmentKey()
        let logger = configuration.log.logger(label: "jackfield")
        for warning in configuration.warnings { logger.warning("\(warning)") }

        let service = try HostService(configuration, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: quiet(logger)))
        try await group.run()
    }

    /// The lifecycle library tells of every step; the host itself says what an operator wants to know.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
