import Logging
import PluginHost
import SocketIO
import Support
import Synchronization
import Transport

/// The objects of a running daemon that obey settings of the class ``ReloadClass/live``, but for the plugins.
struct RunningSettings: Sendable {
    let loops: Loops
    let host: PluginHost.Host
    let server: Server
    let authenticator: TokenAuthenticator
    let recovery: RecoveryStore?
    /// One for each loop, by its index.
    let presenceWatches: [SocketPresenceWatches]
    let logThreshold: LogThreshold
    let shutdownWatchdog: ShutdownWatchdog?
    /// How many files the process may have open.
    let openFiles: Int

    /// How long a reload waits for loops that are held up.
    private static let patience = Duration.seconds(5)

    /// Puts settings in force. Cannot fail, so that it can also be undone.
    ///
    /// - Parameters:
    ///   - configuration: all settings of the daemon.
    ///   - rules: those for tokens; `nil`: the present ones stay, with their cache of verified tokens.
    /// - Returns: whether all loops have adopted the settings. One that is held up adopts them when it goes on.
    func apply(_ configuration: Configuration, rules: TokenAuthenticator.Rules?) async -> Bool {
        logThreshold.level = configuration.log.level.swiftLog
        host.adopt(configuration.hostOptions)
        shutdownWatchdog?.deadline = configuration.limits.shutdownDeadline
        server.adopt(configuration.transportOptions(openFiles: openFiles))
        if let options = configuration.recoveryOptions { recovery?.adopt(limitsOf: options) }
        let sockets = configuration.socketOptions(recovery: nil)
        host.adopt(limitsOf: sockets)
        let retired = rules.map { authenticator.adopt($0) }
        return await onEveryLoop { [presenceWatches, limits = configuration.limits] shard in
            // Until the last loop has run this, the old rules are kept: a loop may be using them.
            _ = retired
            shard.adopt(limitsOf: sockets)
            presenceWatches[shard.index].adopt(
                limit: limits.presenceWatchesPerSocket, byteLimit: limits.presenceWatchBytesPerSocket)
        }
    }

    private func onEveryLoop(_ body: @escaping @Sendable (Shard) -> Void) async -> Bool {
        let done = JobCount(loops.all.count)
        for loop in loops.all {
            loop.execute { shard in
                body(shard)
                done.finish()
            }
        }
        await within(Self.patience) { await done.wait() }
        return done.isZero
    }
}

/// Jobs of the loops that have not run yet. Any thread.
private final class JobCount: Sendable {
    private let rest: Atomic<Int>
    private let events: AsyncStream<Void>
    private let event: AsyncStream<Void>.Continuation

    init(_ count: Int) {
        rest = Atomic(count)
        (events, event) = AsyncStream.makeStream()
    }

    func finish() {
        if rest.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { event.finish() }
    }

    /// Returns when all jobs have run.
    func wait() async { for await _ in events {} }

    var isZero: Bool { rest.load(ordering: .acquiring) == 0 }
}
