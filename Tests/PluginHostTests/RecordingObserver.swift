import SocketIO
import Synchronization

@testable import PluginHost

/// What the daemon hears of sockets: whose they are, and when their claims end.
final class RecordingObserver: SocketObserver {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { recorded.withLock { $0 } }

    func socketConnected(_ socket: NamespaceSocket) {
        let line = "\(socket.user.map { "\($0)" } ?? "nobody") until \(socket.expiresAt ?? 0)"
        recorded.withLock { $0.append(line) }
    }

    func socketDisconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        let line = "\(socket.user.map { "\($0)" } ?? "nobody") left"
        recorded.withLock { $0.append(line) }
    }
}
