import PluginHost
import Presence
import SocketIO
import Support

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
        if let user = socket.user { presence.disconnect(user, connection: socket.connection, now: Clock.wallMilliseconds) }
    }

    /// Has the core's events handled in every namespace.
    func register(in host: Host) {
        let loops = loops
        host.registerBuiltin("auth:refresh") { event, socket in loops[socket.shard.index].refresh(event, from: socket) }
        host.registerBuiltin("presence:watch") { event, socket in loops[socket.shard.index].watch(event, from: socket) }
        host.registerBuiltin("presence:unwatch") { event, socket in loops[socket.shard.index].unwatch(event, from: socket) }
    }
}
