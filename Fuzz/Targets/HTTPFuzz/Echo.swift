import FuzzSupport
import SocketIO

/// A Socket.IO application that accepts every client and sends events back to their sender.
final class Echo: Application {
    func connect(_ attempt: ConnectAttempt) { attempt.accept() }
    func connected(_ socket: NamespaceSocket) {}
    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        require(
            PacketEncoder.isValid(args: event.args, attachmentCount: event.attachments.count), "arguments are valid")
        socket.emit(name: event.name, args: event.args, attachments: event.attachments, flags: [])
        if let id = event.ackID { socket.ack(id, args: event.args, attachments: event.attachments) }
    }
    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason) {}
    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {}
}
