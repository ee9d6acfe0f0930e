import SocketIO

/// The daemon's view of sockets that come and go: presence, expiry. Called before the plugins' hooks. [loop]
public protocol SocketObserver: Sendable {
    func socketConnected(_ socket: NamespaceSocket)
    func socketDisconnected(_ socket: NamespaceSocket, reason: DisconnectReason)
}
