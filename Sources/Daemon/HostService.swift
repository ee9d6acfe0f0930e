import Foundation
import Logging
import PluginHost
import Presence
import ServiceLifecycle
import SocketIO
import Support
import Synchronization
import Transport

/// A host from its first listening socket to its last closed one.
final class HostService: Service {
    let configuration: Configuration
    private let logger: Logger
    let loops: Loops
    let host: PluginHost.Host
    private let server: Server
    private let presence: PresenceService
    private let desks: [LoopDesk]
    private let recovery: RecoveryStore?

    /// - Parameter folder: of the logger's lines.
    ///
    /// Puts the rooms together; nothing runs yet but the loops' threads.
    init(_ configuration: Configuration, logger: Logger, folder: LogFolder) throws {
        self.configuration = configuration
        self.logger = logger
        let gate = try TokenGate(configuration.auth)
        let refusals = Refusals(folder: folder, level: logger.logLevel)
        let openFiles = OpenFiles.raiseLimit()

        let loops = Loops(count: configuration.loopCount)
        let edges = PresenceEdges(loops: loops)
        let presence = PresenceService(grace: Int64(configuration.presence.grace.wholeMilliseconds)) { edges.tell($0) }
        let desks = loops.all.map { _ in LoopDesk(gate: gate, presence: presence, watchLimit: configuration.limits.presenceWatchesPerSocket, refusals: refusals) }
        let recovery = configuration.recoveryOptions.map { options in
            RecoveryStore(options: options, now: Timestamp.monotonic) { index, job in loops.all[index].execute(job) }
        }
        let desk = SocketDesk(presence: presence, loops: desks)
        let host = try PluginHost.Host(
            loops: loops.all, options: configuration.hostOptions, socketOptions: configuration.socketOptions(recovery: recovery),
            namespaces: configuration.namespaces.map { ByteString($0) }, gate: gate, httpGate: gate, observer: desk, presence: presence,
            logger: logger, onRefusal: { refusals.note($0) })
        edges.connect(host: host, desks: desks)
        desk.register(in: host)

        let metrics = MetricsPage(host: host, presence: presence, loops: loops, desks: desks, recovery: recovery, refusals: refusals, folder: folder)
        try CoreRoutes(host: host, presence: presence, metrics: metrics).register(
            in: host.router, socketPath: configuration.path, servesPage: configuration.demo)
        self.loops = loops
        self.host = host
        self.presence = presence
        self.desks = desks
        self.recovery = recovery
        var options = configuration.transportOptions(openFiles: openFiles)
        options.judge = { host.judge($0) }
        options.onRefusal = { refusals.note($0) }
        server = Server(options: options, loops: loops, http: host.router, logger: logger)
    }

    func run() async throws {
        do {
            try await start()
        } catch {
            await stop()
            throw error
        }
        await withTaskGroup { group in
            group.addTask { await self.keepTime() }
            // Throws when the task is cancelled, which means the same: stop.
            try? await gracefulShutdown()
            group.cancelAll()
        }
        await stop()
    }

    // MARK: - Start

    private func start() async throws {
        let (host, desks) = (host, desks)
        try await loops.start { loop in
            let shard = host.makeShard(index: loop.index, timers: loop.timers)
            desks[loop.index].attach(shard)
            return shard
        }
        // Before the first connection, so that nobody is told of an unknown event that a plugin is about to declare.
        try await loadPlugins()
        let port: Int
        do {
            port = try await server.start(host: configuration.host, port: configuration.port)
        } catch {
            throw StartFailure("cannot listen on \(configuration.host):\(configuration.port): \(error)")
        }
        announce(port: port)
        printBanner(port: port)
    }

    /// A plugin that fails is logged by the host, in one line, and missed by nobody but those who need it.
    private func loadPlugins() async throws {
        for plugin in configuration.plugins {
            do {
                try await host.load(plugin.spec(databaseURL: configuration.databaseURL))
            } catch where plugin.required {
                throw StartFailure("\(error); it is required")
            } catch {}
        }
    }

    /// Standard output gets one line that scripts wait for; people read the log.
    private func announce(port: Int) {
        let address = "http://\(hostInURL):\(port)"
        logger.info("listening on \(address)", metadata: ["loops": "\(loops.all.count)", "plugins": "\(host.status.count)"])
        print("listening on \(address)")
        fflush(nil)
    }

    /// What a demo tells the person who started it. After the plugins are loaded, for it shows only what works.
    private func printBanner(port: Int) {
        guard configuration.demo, let auth = configuration.auth else { return }
        let address = "http://\(hostInURL == "127.0.0.1" ? "localhost" : hostInURL):\(port)"
        let pushes = host.router.serves(DemoBanner.push.method, DemoBanner.push.path)
        guard let banner = try? DemoBanner(address: address, auth: auth, pushes: pushes, now: Timestamp.now) else { return }
        print(banner.text)
        fflush(nil)
    }

    private var hostInURL: String { configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host }

    // MARK: - Run

    /// Ends the graces of those who left, and drops what nobody came back for.
    private func keepTime() async {
        let grace = configuration.presence.grace
        // An offline edge is late by a twentieth of the grace at the most.
        let step = min(max(grace / 20, .milliseconds(10)), .milliseconds(250))
        while !Task.isCancelled {
            try? await Task.sleep(for: step)
            presence.expire(now: Timestamp.now)
            recovery?.expire(now: Timestamp.monotonic)
        }
    }

    // MARK: - Stop

    /// No new connections; what plugins have queued is finished and answered; then the clients are closed, so that they reconnect elsewhere, and the
    /// plugins go.
    private func stop() async {
        let deadline = configuration.limits.shutdownDeadline
        logger.info("stopping, within \(deadline.wholeMilliseconds) ms")
        let end = ContinuousClock.now + deadline
        await server.stopAccepting()
        // Clients need a part of the time to read their last words.
        await host.shutdown(deadline: (deadline * 3 / 4).wholeMilliseconds)
        await server.drain(deadline: max(.zero, end - .now))
        await server.shutdown()
        try? await loops.shutdown()
        logger.info("stopped")
    }
}
