import PluginHost
import Presence
import RawJSON
import Signatures
import SocketIO
import Support

/// What the core does for every socket: reports it to the presence table, ends it with its token, and handles the
/// events `auth:refresh`, `presence:watch` and `presence:unwatch`. The host calls it before the plugins. [loop]
struct SocketHandlers: SocketObserver {
    let presence: PresenceService
    /// One for each loop, by its index.
    let tokenExpiries: [TokenExpiry]
    /// One for each loop, by its index.
    let presenceWatches: [SocketPresenceWatches]

    func socketConnected(_ socket: NamespaceSocket) {
        tokenExpiries[socket.shard.index].watch(socket)
        if let user = socket.user { presence.connect(user, connection: socket.connection, now: Clock.wallMilliseconds) }
    }

    func socketDisconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        tokenExpiries[socket.shard.index].disconnected(socket)
        presenceWatches[socket.shard.index].disconnected(socket)
        if let user = socket.user {
            presence.disconnect(user, connection: socket.connection, now: Clock.wallMilliseconds)
        }
    }

    /// Registers the core's events in every namespace. Their signatures are for clients: types are written from them,
    /// and the handlers check arguments themselves.
    ///
    /// - Throws: `SignatureError`; the signatures below are well-formed.
    func register(in host: Host) throws(SignatureError) {
        let (tokenExpiries, presenceWatches) = (tokenExpiries, presenceWatches)
        host.declareBuiltinEmit("auth:expiring", signature: try Signature("(notice: {expires_at: string})"))
        host.declareBuiltinEmit("presence:online", signature: try Signature("(change: {user: string, at: string})"))
        host.declareBuiltinEmit("presence:offline", signature: try Signature("(change: {user: string, at: string})"))
        host.registerBuiltin(
            "auth:refresh", signature: try Signature("(token: string) -> {ok: bool, expires_at: string?}")
        ) { event, socket in
            tokenExpiries[socket.shard.index].refresh(event, from: socket)
        }
        host.registerBuiltin(
            "presence:watch",
            signature: try Signature(
                "(users: string[]) -> {user: string, online: bool, connections: u32, last_seen: string?}[]")
        ) { event, socket in
            presenceWatches[socket.shard.index].watch(event, from: socket)
        }
        host.registerBuiltin("presence:unwatch", signature: try Signature("(users: string[]?) -> {ok: bool}")) {
            event, socket in
            presenceWatches[socket.shard.index].unwatch(event, from: socket)
        }
    }
}

/// Events and acks of the core. They are small and rare, so their arguments are values and not bytes.
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
    /// The argument of every failing ack: `{"error":{"code":…,"message":…}}`.
    static func failure(code: String, message: String) -> JSONValue {
        .object([.init("error", .object([.init("code", .string(code)), .init("message", .string(message))]))])
    }
}
