import NIOCore
import Synchronization

/// Keeps count of the open connections of a server.
enum ConnectionCount {
    /// Counts `channel` until it is closed.
    static func add(_ channel: any Channel, _ server: ServerContext) {
        server.openConnections.add(1, ordering: .relaxed)
        channel.closeFuture.whenComplete { _ in server.openConnections.subtract(1, ordering: .relaxed) }
    }
}
