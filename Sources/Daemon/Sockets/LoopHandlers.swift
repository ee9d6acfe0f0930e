import PluginHost
import Presence
import RawJSON
import SocketIO
import Support

/// What the core itself does for the sockets of one loop: the ends of their tokens, and what they watch.
///
/// `@unchecked Sendable`: everything but the lets is touched on the loop alone, where the shard lives; other
/// threads only hand it on.
final class LoopHandlers: @unchecked Sendable {
    private let authenticator: TokenAuthenticator
    private let presence: PresenceService
    private let limits: Configuration.Limits
    private let watchedUsers: WatchedUserIndex
    private let refusalLog: RefusalLog

    /// [loop] Set by ``attach(_:)``, before the first socket.
    private var expiry: TokenExpiry?
    private var watchers: SocketPresenceWatches?

    init(
        authenticator: TokenAuthenticator, presence: PresenceService, limits: Configuration.Limits,
        watchedUsers: WatchedUserIndex, refusalLog: RefusalLog
    ) {
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
            limit: limits.presenceWatchesPerSocket, byteLimit: limits.presenceWatchBytesPerSocket,
            watchedUsers: watchedUsers, presence: presence,
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

/// The core's own part in every socket: presence, and the end of its token. Hears of sockets before the plugins do.
struct SocketHandlers: SocketObserver {
    let presence: PresenceService
    /// One for each loop, by its index.
    let loops: [LoopHandlers]

    func socketConnected(_ socket: NamespaceSocket) {
        loops[socket.shard.index].connected(socket)
        if let user = socket.user { presence.connect(user, connection: socket.connection, now: Clock.wallMilliseconds) }
    }

    func socketDisconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        loops[socket.shard.index].disconnected(socket)
        if let user = socket.user {
            presence.disconnect(user, connection: socket.connection, now: Clock.wallMilliseconds)
        }
    }

    /// Has the core's events handled in every namespace.
    func register(in host: Host) {
        let loops = loops
        host.registerBuiltin("auth:refresh") { event, socket in loops[socket.shard.index].refresh(event, from: socket) }
        host.registerBuiltin("presence:watch") { event, socket in loops[socket.shard.index].watch(event, from: socket) }
        host.registerBuiltin("presence:unwatch") { event, socket in
            loops[socket.shard.index].unwatch(event, from: socket)
        }
    }
}

/// What the core itself says to clients: small and seldom, so values rather than bytes.
extension NamespaceSocket {
    func emit(_ name: StaticString, _ argument: JSONValue) {
        let args = JSONValue.array([argument]).serialized
        args.withUnsafeBytes { bytes in
            let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            emit(name: name, args: bytes, attachments: UnsafeBufferPointer(start: nil, count: 0), flags: [])
        }
    }
}

extension IncomingEvent {
    /// Acks with one argument, if the client asked for an ack.
    func answer(_ argument: JSONValue, to socket: NamespaceSocket) {
        guard let ackID else { return }
        let args = JSONValue.array([argument]).serialized
        args.withUnsafeBytes { socket.ack(ackID, args: $0, attachments: UnsafeBufferPointer(start: nil, count: 0)) }
    }
}

extension JSONValue {
    /// The form of every failing ack: `{"error":{"code":…,"message":…}}`.
    static func failure(code: String, message: String) -> JSONValue {
        .object([.init("error", .object([.init("code", .string(code)), .init("message", .string(message))]))])
    }
}
