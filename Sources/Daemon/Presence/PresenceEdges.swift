import PluginHost
import Presence
import Synchronization
import Transport

/// Carries edges from the presence table to those who watch: sockets on every loop, and plugins.
///
/// The table comes first and the host needs it, so the way to the host is laid afterwards, before the first connection.
final class PresenceEdges: Sendable {
    private let loops: Loops
    private let watchers = Mutex<(host: Host, desks: [LoopDesk])?>(nil)

    init(loops: Loops) {
        self.loops = loops
    }

    func connect(host: Host, desks: [LoopDesk]) {
        watchers.withLock { $0 = (host, desks) }
    }

    /// Any thread; in the order of the edges.
    func tell(_ edges: [PresenceEdge]) {
        guard let (host, desks) = watchers.withLock({ $0 }) else { return }
        for (loop, desk) in zip(loops.all, desks) {
            loop.execute { _ in
                for edge in edges { desk.tell(edge) }
            }
        }
        host.presenceChanged(edges)
    }
}
