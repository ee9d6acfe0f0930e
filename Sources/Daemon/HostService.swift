import Foundation
import Glibc
import Logging
import PluginHost
import Presence
import PrometheusMetrics
import ServiceLifecycle
import SocketIO
import Support
import Synchronization
import Transport

/// Runs a host, from its first listening socket to the end of its loops.
final class HostService: Service {
    /// As at the start; ``reload`` has the settings in force.
    let configuration: Configuration
    private let logger: Logger
    let loops: Loops
    let host: PluginHost.Host
    private let server: Server
    /// Set once, when the service has begun to listen; `nil` if there is none.
    private let control = Mutex<ControlSocket?>(nil)
    private let presence: PresenceService
    private let recovery: RecoveryStore?
    private let reload: ConfigurationReload
    /// Ends the process if ``stop()`` takes too long. `nil` if the service is not run.
    let shutdownWatchdog: ShutdownWatchdog?
    /// Receives the failure of a required plugin.
    private let failures: AsyncStream<StartFailure>
    private let failed: AsyncStream<StartFailure>.Continuation

    /// Creates the objects of all modules. Only the threads of the loops run after that.
    ///
    /// - Parameters:
    ///   - source: where the configuration was read; `nil` if the service is not run.
    ///   - signals: those of the process; `nil` if the service is not run.
    ///   - deduplicator: the deduplicator of the logger's lines.
    ///   - threshold: the level of the logger and its copies.
    ///   - metrics: what `/metrics` shows.
    init(
        _ configuration: Configuration, from source: ConfigurationSource? = nil, signals: ProcessSignals? = nil,
        logger: Logger, deduplicator: LogDeduplicator, threshold: LogThreshold, metrics: PrometheusRegistry
    ) throws {
        self.configuration = configuration
        self.logger = logger
        let authenticator = try TokenAuthenticator(TokenAuthenticator.Rules(configuration.auth))
        let refusalLog = RefusalLog(deduplicator: deduplicator, threshold: threshold, metrics: metrics)
        let openFiles = OpenFiles.raiseLimit()

        let loops = Loops(count: configuration.loopCount)
        let watchedUsers = WatchedUserIndex()
        let presenceDispatcher = PresenceDispatcher(loops: loops, watchedUsers: watchedUsers)
        let presence = PresenceService(gracePeriod: Int64(configuration.presence.gracePeriod.wholeMilliseconds)) {
            presenceDispatcher.dispatch($0)
        }
        let tokenExpiries = loops.all.map { _ in TokenExpiry(authenticator: authenticator, refusalLog: refusalLog) }
        let presenceWatches = loops.all.map { loop in
            SocketPresenceWatches(
                loop: loop.index, limit: configuration.limits.presenceWatchesPerSocket,
                byteLimit: configuration.limits.presenceWatchBytesPerSocket, watchedUsers: watchedUsers,
                presence: presence)
        }
        let recovery = configuration.recoveryOptions.map { options in
            RecoveryStore(options: options, now: Clock.monotonicMilliseconds) { index, job in
                loops.all[index].execute(job)
            }
        }
        let socketHandlers = SocketHandlers(
            presence: presence, tokenExpiries: tokenExpiries, presenceWatches: presenceWatches)
        let host = try PluginHost.Host(
            loops: loops.all, options: configuration.hostOptions,
            socketOptions: configuration.socketOptions(recovery: recovery),
            namespaces: configuration.namespaces.map { ByteString($0) }, authenticator: authenticator,
            httpAuthenticator: authenticator, observer: socketHandlers, presence: presence, signals: signals,
            logger: logger, onRefusal: { refusalLog.record($0) })
        presenceDispatcher.connect(host: host, sockets: presenceWatches)
        try socketHandlers.register(in: host)

        metrics.register(LoopCollector(loops: loops, presenceWatches: presenceWatches))
        metrics.register(HostCollector(host: host, presence: presence, recovery: recovery))
        metrics.register(ProcessCollector())
        try CoreRoutes(host: host, presence: presence, metrics: metrics).register(
            in: host.router, socketPath: configuration.path, servesPage: configuration.demo)
        self.loops = loops
        self.host = host
        self.presence = presence
        self.recovery = recovery
        var options = configuration.transportOptions(openFiles: openFiles)
        options.allowRequest = { host.allowRequest($0) }
        options.onRefusal = { refusalLog.record($0) }
        // No session is opened until the hooks of all plugins, which may refuse it, are in force.
        options.unavailable = { host.isLoading ? "plugins are loading; try again" : nil }
        let server = Server(options: options, loops: loops, http: host.router, logger: logger)
        self.server = server
        (failures, failed) = AsyncStream.makeStream()
        let giveUp = { @Sendable in
            server.closeSessions()
            let held = host.callbacks(runningFor: 300)
            host.removeImages()
            // Gives loops that are not blocked 100 ms to write.
            usleep(100_000)
            return held
        }
        let shutdownWatchdog = signals.map {
            ShutdownWatchdog($0, deadline: configuration.limits.shutdownDeadline, giveUp: giveUp, logger: logger)
        }
        self.shutdownWatchdog = shutdownWatchdog
        reload = ConfigurationReload(
            of: configuration, from: source,
            running: RunningSettings(
                loops: loops, host: host, server: server, authenticator: authenticator, recovery: recovery,
                presenceWatches: presenceWatches, logThreshold: threshold, shutdownWatchdog: shutdownWatchdog,
                openFiles: openFiles),
            logger: logger)
    }

    func run() async throws {
        do {
            try await start()
        } catch {
            await stop()
            throw error
        }
        let failure = await withTaskGroup { group in
            group.addTask {
                await self.expirePeriodically()
                return StartFailure?.none
            }
            group.addTask {
                await self.reloadOnHangup()
                return nil
            }
            group.addTask {
                // Throws if the task is cancelled, which also means to stop.
                try? await gracefulShutdown()
                return nil
            }
            group.addTask {
                for await failure in self.failures { return failure }
                return nil
            }
            let failure = await group.next() ?? nil
            group.cancelAll()
            return failure
        }
        await stop()
        if let failure { throw failure }
    }

    /// Whether the process must end without running exit handlers: abandoned threads of plugins may still use what
    /// those destroy.
    var mustExit: Bool { !host.givenUp.isEmpty }

    // MARK: - Start

    /// Listens, then loads the plugins. Until they are loaded, the core's routes are answered and sessions are refused.
    private func start() async throws {
        let host = host
        host.plan(configuration.specs)
        try await loops.start { loop in host.makeShard(index: loop.index, timers: loop.timers) }
        let port: Int
        do {
            port = try await server.start(host: configuration.host, port: configuration.port)
        } catch {
            throw StartFailure(listening: configuration.host, configuration.port, error)
        }
        logger.info(
            "listening on \(address(port))",
            metadata: ["loops": "\(loops.all.count)", "plugins": "\(configuration.specs.count)"])
        openControl()
        reload.watchFiles(of: configuration.plugins)
        // In a task of its own, since a plugin that blocks must not delay a stop.
        Task { await loadPlugins(port) }
    }

    /// Opens the control socket. A daemon without one serves all the same: its clients need none.
    private func openControl() {
        guard let path = configuration.control else { return }
        let watchdog = shutdownWatchdog
        let commands = ControlCommands(
            host: host, presence: presence, stop: { watchdog?.requestStop() }, reload: reload)
        do throws(ControlSocket.Unavailable) {
            let socket = try ControlSocket(at: path, logger: logger) { await commands.answer($0) }
            control.withLock { $0 = socket }
            socket.start()
        } catch {
            logger.warning("there is no control socket \(path): \(error.problem)")
        }
    }

    /// Loads the plugins. The host logs each failure in one line; only the failure of a required plugin ends the
    /// service.
    private func loadPlugins(_ port: Int) async {
        do throws(PluginError) {
            guard try await host.loadPlanned() else { return }
        } catch {
            failed.yield(StartFailure("\(error); it is required"))
            return
        }
        announce(port)
        printBanner(port: port)
    }

    /// Prints the line that scripts wait for on standard output. Sessions can be opened from now on.
    private func announce(_ port: Int) {
        let count = configuration.specs.count
        if count > 0 {
            logger.info("serving with \(host.status.count) of \(count) plugins")
        }
        print("listening on \(address(port))")
        fflush(nil)
    }

    /// Prints the demo's banner. Called after the plugins are loaded, because the banner depends on their routes.
    private func printBanner(port: Int) {
        guard configuration.demo, let auth = configuration.auth else { return }
        let address = "http://\(hostInURL == "127.0.0.1" ? "localhost" : hostInURL):\(port)"
        let pushes = host.router.serves(DemoBanner.push.method, DemoBanner.push.path)
        guard let banner = try? DemoBanner(address: address, auth: auth, pushes: pushes, now: Clock.wallMilliseconds)
        else { return }
        print(banner.text)
        fflush(nil)
    }

    private func address(_ port: Int) -> String { "http://\(hostInURL):\(port)" }

    private var hostInURL: String { configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host }

    // MARK: - Run

    /// Ends the grace periods of presence, and drops sessions whose time for recovery is over.
    private func expirePeriodically() async {
        let gracePeriod = configuration.presence.gracePeriod
        // An offline change is late by at most a twentieth of the grace period, or 10 ms.
        let step = min(max(gracePeriod / 20, .milliseconds(10)), .milliseconds(250))
        while !Task.isCancelled {
            try? await Task.sleep(for: step)
            presence.expire(now: Clock.wallMilliseconds)
            recovery?.expire(now: Clock.monotonicMilliseconds)
        }
    }

    /// Reloads the configuration for each SIGHUP, until the task is cancelled. The result is only logged.
    private func reloadOnHangup() async {
        guard let hangups = shutdownWatchdog?.hangups else { return }
        for await _ in hangups { _ = try? await reload.reload() }
    }

    // MARK: - Stop

    /// Stops in this order: no new connections; plugins finish their queues and stop; clients are closed, so that they
    /// reconnect elsewhere; the loops end.
    ///
    /// Every wait for a loop has a time limit, because an inline callback may block the loop for ever.
    private func stop() async {
        shutdownWatchdog?.stopping()
        control.withLock { $0 }?.close()
        reload.watcher.close()
        let deadline = reload.configuration.limits.shutdownDeadline
        logger.info("stopping, within \(deadline.wholeMilliseconds) ms")
        let end = ContinuousClock.now + deadline
        let (server, loops) = (server, loops)
        await within(min(deadline / 10, .milliseconds(500))) { await server.stopAccepting() }
        // A quarter of the time is left for clients to read what is sent to them. Plugins get at least 200 ms.
        await host.shutdown(deadline: max((deadline * 3 / 4).wholeMilliseconds, 200))
        await server.drain(deadline: max(.zero, end - .now))
        await within(.milliseconds(100)) { await server.shutdown() }
        await within(.milliseconds(100)) { try? await loops.shutdown() }
        let held = host.callbacks(runningFor: 300)
        for line in held { logger.error("\(line)") }
        let givenUp = host.givenUp
        control.withLock { $0 }?.end(givenUp: givenUp)
        if givenUp.isEmpty {
            logger.info("stopped")
        } else {
            logger.error("stopped, with exit code 1: given up were \(givenUp.joined(separator: ", "))")
        }
    }
}

extension HostService {
    /// Finds out why configured plugins could not be loaded. For a service that is not run.
    func checkPlugins() async -> [ConfigurationProblem] {
        let problems = await host.check(configuration.specs).map { index, error in
            ConfigurationProblem(key: configuration.key(ofSpec: index), what: "\(error)", remedy: "")
        }
        try? await loops.shutdown()
        return problems
    }

    /// The events of the host and of the configured plugins, and why plugins could not be read. For a service that is
    /// not run.
    func inspectPlugins() async -> (events: [DeclaredEvent], errors: [PluginError]) {
        let (events, problems) = await host.inspect(configuration.specs)
        try? await loops.shutdown()
        return (events, problems.map(\.error))
    }
}

/// The reason why the daemon does not start, in one line.
struct StartFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// The daemon cannot listen on this address.
    init(listening host: String, _ port: Int, _ error: any Error) {
        let place = "port \(port) on \(host)"
        switch (error as? ListenError)?.code {
        case EADDRINUSE: description = "\(place) is in use: stop the other program, or choose another with --port"
        case EACCES: description = "\(place) is not for this user: choose one from 1024 on with --port"
        case EADDRNOTAVAIL:
            description = "\(host) is no address of this machine: choose one with --host, such as 127.0.0.1 or 0.0.0.0"
        default: description = "cannot listen on \(host):\(port): \(error)"
        }
    }
}

/// Waits until `body` returns, at most for `limit`. A `body` that takes longer continues in its task.
func within(_ limit: Duration, _ body: @escaping @Sendable () async -> Void) async {
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    Task {
        await body()
        end.finish()
    }
    Task {
        try? await Task.sleep(for: limit)
        end.finish()
    }
    for await _ in ends {}
}
