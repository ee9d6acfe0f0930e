import Identity
import Logging
import PluginHost
import Support
import Synchronization

/// Reads the configuration again while the daemon runs, and puts in force what may change. All or nothing: if any part
/// is wrong, nothing changes. [any-thread]
///
/// Reloads run one after the other.
final class ConfigurationReload: Sendable {
    typealias Outcome = Result<ReloadReport, ReloadFailure>

    /// `nil`: the daemon was not started by a command that can be read again.
    private let source: ConfigurationSource?
    private let running: RunningSettings
    let host: PluginHost.Host
    let logger: Logger
    /// Changes of the plugins and settings, which run one after the other.
    let changes = TaskChain()
    let watcher: PluginWatcher
    private let state: Mutex<State>

    private struct State {
        /// The settings in force.
        var configuration: Configuration
        /// Reloads so far.
        var count = 0
    }

    /// - Parameter configuration: the settings that the daemon was started with.
    init(
        of configuration: Configuration, from source: ConfigurationSource?, running: RunningSettings, logger: Logger
    ) {
        self.source = source
        self.running = running
        self.logger = logger
        host = running.host
        watcher = PluginWatcher(logger: logger)
        state = Mutex(State(configuration: configuration))
        // Both live as long as the service.
        watcher.onChange { [weak self] in await self?.fileChanged($0) }
    }

    /// The settings in force.
    var configuration: Configuration { state.withLock { $0.configuration } }

    /// Reads the configuration, compares it with the settings in force, and puts it in force. The result is logged,
    /// too.
    ///
    /// - Parameter isCheck: whether nothing is put in force; the report then says what would be.
    func reload(isCheck: Bool = false) async throws(ReloadFailure) -> ReloadReport {
        try await changes.run { await self.next(isCheck: isCheck) }.get()
    }

    private func next(isCheck: Bool) async -> Outcome {
        let outcome: Outcome
        do throws(ReloadFailure) {
            outcome = .success(try await reloadNow(isCheck: isCheck))
        } catch {
            outcome = .failure(error)
        }
        if !isCheck { log(outcome) }
        return outcome
    }

    // MARK: - The steps

    private func reloadNow(isCheck: Bool) async throws(ReloadFailure) -> ReloadReport {
        let old = configuration
        var new = try read()
        try readDevelopmentKey(of: &new, isDemo: old.demo, isCheck: isCheck)
        let changes = old.changes(to: new)
        let merged = old.adoptingLive(of: new)
        let rules = try prepare(merged, old)
        // A name of a new plugin is looked up in the new folders; the other options follow when all plugins are loaded.
        var options = old.hostOptions
        options.pluginPath = merged.pluginPath
        host.adopt(options)
        var report = ReloadReport()
        do throws(ReloadFailure) {
            report = try await changePlugins(to: merged, isCheck: isCheck)
        } catch {
            host.adopt(old.hostOptions)
            throw error
        }
        report.applied = changes.filter { $0.reloadClass == .live }
        report.restart = changes.filter { $0.reloadClass != .live }
        report.notes += merged.warnings.filter { !old.warnings.contains($0) }
        guard !isCheck else {
            host.adopt(old.hostOptions)
            return report
        }
        if await !running.apply(merged, rules: rules) {
            report.notes.append("an event loop is held up, and adopts the new settings when it goes on; see the log")
        }
        state.withLock { $0.configuration = merged }
        watchFiles(of: merged.plugins)
        return report
    }

    private func read() throws(ReloadFailure) -> Configuration {
        guard let source, source.file != nil else {
            throw ReloadFailure(
                .unavailable,
                "the daemon was started without a configuration file, so there is nothing to read again; start it with --config"
            )
        }
        guard !host.isLoading else {
            throw ReloadFailure(
                .unavailable, "plugins are being loaded; try again when /readyz does not say so any more")
        }
        guard !host.isShuttingDown else { throw ReloadFailure(.unavailable, "the daemon is stopping") }
        do throws(ConfigurationProblems) {
            return try source.load()
        } catch {
            throw ReloadFailure(error)
        }
    }

    /// Checks the settings that would be in force together, of which some are old, and reads the keys for tokens.
    ///
    /// - Returns: the rules for tokens; `nil` if they have not changed.
    private func prepare(
        _ merged: Configuration, _ old: Configuration
    ) throws(ReloadFailure) -> TokenAuthenticator.Rules? {
        guard merged.limits.pluginQueueBytes >= merged.maxHttpBufferSize else {
            throw ReloadFailure(
                .configuration,
                """
                limits.pluginQueueBytes: \(merged.limits.pluginQueueBytes) bytes cannot hold one message of \
                maxHttpBufferSize, which is \(merged.maxHttpBufferSize) bytes until the daemon starts again: restart it
                """)
        }
        do throws(TokenConfigurationError) {
            return merged.auth == old.auth ? nil : try TokenAuthenticator.Rules(merged.auth)
        } catch {
            throw ReloadFailure(.configuration, "auth: \(error)")
        }
    }

    private func readDevelopmentKey(
        of new: inout Configuration, isDemo: Bool, isCheck: Bool
    ) throws(ReloadFailure) {
        guard new.auth?.developmentKeyFile != nil else { return }
        guard isDemo else {
            throw ReloadFailure(
                .configuration,
                "auth: there is no key to verify tokens with, and demo, which makes one, needs a restart")
        }
        do throws(ConfigurationProblems) {
            if isCheck { try new.findDevelopmentKey() } else { try new.loadDevelopmentKey() }
        } catch {
            throw ReloadFailure(error)
        }
    }

    private func changePlugins(
        to configuration: Configuration, isCheck: Bool
    ) async throws(ReloadFailure) -> ReloadReport {
        var changes = PluginChanges(from: host, to: configuration)
        var report = ReloadReport()
        let probes = await host.probe(
            changes.loads.map { .init($0.spec, replacing: $0.replaced?.running) },
            removing: changes.removals.compactMap(\.running))
        var plugins: [PluginHost.Host.ProbedPlugin] = []
        var problems: [String] = []
        for (load, probe) in zip(changes.loads, probes) {
            switch probe {
            case .success(let plugin): plugins.append(plugin)
            case .failure(let error): problems.append("\(load.key): \(error)")
            }
        }
        guard problems.isEmpty else { throw ReloadFailure(.configuration, problems) }
        changes.pair(plugins)
        report.notes = changes.idle.map {
            "plugin '\($0.name)' is in the configuration and does not run; 'jackfield plugin load \($0.name)' loads it"
        }
        if isCheck {
            report.plugins = changes.report(plugins)
            return report
        }
        var transaction = PluginTransaction(host)
        do throws(PluginError) {
            try await transaction.carryOut(changes, plugins)
        } catch {
            throw ReloadFailure(.plugin, ["\(error)"] + (await transaction.undo()))
        }
        host.replan(changes.entries)
        report.plugins = transaction.done
        report.notes += transaction.notes
        return report
    }

    // MARK: - The log

    private func log(_ outcome: Outcome) {
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        // The number keeps the lines of two reloads from being folded.
        let metadata: Logger.Metadata = ["reason": "configuration reload \(number)"]
        switch outcome {
        case .success(let report):
            for change in report.applied { logger.notice("reload: \(change)", metadata: metadata) }
            for change in report.plugins {
                logger.notice("reload: plugin '\(change.name)' was \(change.kind.rawValue)", metadata: metadata)
            }
            for change in report.restart {
                logger.warning("reload: needs a restart of the daemon: \(change)", metadata: metadata)
            }
            for note in report.notes { logger.warning("reload: \(note)", metadata: metadata) }
            if report.isEmpty { logger.notice("reload: the configuration has not changed", metadata: metadata) }
        case .failure(let failure):
            for problem in failure.problems { logger.error("reload: \(problem)", metadata: metadata) }
            logger.error("reload: \(failure.consequence)", metadata: metadata)
        }
    }
}
