import SocketIO

/// The application of the benchmarks that measure the protocol modules without the plugin host.
final class EchoApplication: Application {
    private(set) var sockets: [NamespaceSocket] = []
    private(set) var events = 0

    func connect(_ attempt: ConnectAttempt) { attempt.accept(user: nil) }

    func connected(_ socket: NamespaceSocket) { sockets.append(socket) }

    /// Emits `echo` (4 bytes) back to the sender, acks `ping`, broadcasts `publish` (7 bytes); other events are only
    /// counted.
    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        events &+= 1
        if let id = event.ackID { return socket.ack(id, args: event.args) }
        switch event.name.count {
        case 4:
            socket.emit(name: event.name, args: event.args)
        case 7:
            socket.shard.deliver(Broadcast(name: event.name, args: event.args, to: BroadcastTarget()))
        default: break
        }
    }

    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason) {}

    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        if sockets.last === socket { sockets.removeLast() }
    }
}
