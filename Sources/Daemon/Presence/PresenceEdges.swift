import PluginHost
import Presence
import Synchronization
import Transport

/// Carries edges from the presence table to those who watch: sockets on every loop, and plugins.
///
/// The table comes first and the host needs it, so the way to the host is laid afterwards, before the first connection.
final class PresenceEdges: Sendable {
    private let loops: Loops
    private let watchedUsers: WatchedUsers
    private let watchers = Mutex<(host: Host, desks: [LoopDesk])?>(nil)

    init(loops: Loops, watchedUsers: WatchedUsers) {
        self.loops = loops
        self.watchedUsers = watchedUsers
    }

    func connect(host: Host, desks: [LoopDesk]) {
        watchers.withLock { $0 = (host, desks) }
    }

    /// Any thread; in the order of the edges. A loop is woken only for edges of users that a socket of it watches.
    func dispatch(_ edges: [PresenceEdge]) {
        guard let (host, desks) = watchers.withLock({ $0 }) else { return }
        let watching = watchedUsers.loops(watching: edges.lazy.map(\.user))
        let anybody = watching.reduce(0, |)
        for (loop, desk) in zip(loops.all, desks) where anybody & 1 << UInt64(loop.index) != 0 {
            let watched = zip(edges, watching).filter { $0.1 & 1 << UInt64(loop.index) != 0 }.map(\.0)
            loop.execute { _ in
                for edge in watched { desk.notify(of: edge) }
            }
        }
        host.presenceChanged(edges)
    }
}
