import Presence
import SocketIO

/// What the core itself does for the sockets of one loop: the ends of their tokens, and what they watch.
///
/// `@unchecked Sendable`: everything but the lets is touched on the loop alone, where the shard lives; other threads only hand it on.
final class LoopHandlers: @unchecked Sendable {
    private let authenticator: TokenAuthenticator
    private let presence: PresenceService
    private let limits: Configuration.Limits
    private let watchedUsers: WatchedUserIndex
    private let refusalLog: RefusalLog

    /// [loop] Set by ``attach(_:)``, before the first socket.
    private var expiry: TokenExpiry?
    private var watchers: SocketPresenceWatches?

    init(authenticator: TokenAuthenticator, presence: PresenceService, limits: Configuration.Limits, watchedUsers: WatchedUserIndex, refusalLog: RefusalLog) {
        self.authenticator = authenticator
        self.presence = presence
        self.limits = limits
        self.watchedUsers = watchedUsers
        self.refusalLog = refusalLog
    }

    /// [loop]
    func attach(_ shard: Shard) {
        expiry = TokenExpiry(authenticator: authenticator, shard: shard, refusalLog: refusalLog)
        watchers = SocketPresenceWatches(
            limit: limits.presenceWatchesPerSocket, byteLimit: limits.presenceWatchBytesPerSocket, watchedUsers: watchedUsers, presence: presence,
            shard: shard)
    }

    // MARK: - [loop]

    func connected(_ socket: NamespaceSocket) {
        expiry?.watch(socket)
    }

    func disconnected(_ socket: NamespaceSocket) {
        expiry?.left(socket)
        watchers?.left(socket)
    }

    func refresh(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        expiry?.refresh(event, from: socket)
    }

    func watch(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        watchers?.watch(event, from: socket)
    }

    func unwatch(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        watchers?.unwatch(event, from: socket)
    }

    func notify(of change: PresenceChange) {
        watchers?.notify(of: change)
    }

    /// Watches refused, for the limit or for what they name, since the beginning.
    var refusedWatches: UInt64 { watchers?.refused ?? 0 }
}
