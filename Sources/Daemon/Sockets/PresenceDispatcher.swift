import PluginHost
import Presence
import Support
import Synchronization
import Transport

/// Sends presence changes to those who watch them: sockets on every loop, and plugins.
///
/// The presence table is created before the host, which needs it. ``connect(host:sockets:)`` is therefore called later,
/// but before the first connection.
final class PresenceDispatcher: Sendable {
    private let loops: Loops
    private let watchedUsers: WatchedUserIndex
    private let watchers = Mutex<(host: Host, sockets: [SocketPresenceWatches])?>(nil)

    init(loops: Loops, watchedUsers: WatchedUserIndex) {
        self.loops = loops
        self.watchedUsers = watchedUsers
    }

    /// - Parameter sockets: one for each loop, by its index.
    func connect(host: Host, sockets: [SocketPresenceWatches]) {
        watchers.withLock { $0 = (host, sockets) }
    }

    /// Sends the changes in their order. A loop is woken only if one of its sockets watches a user who changed. Any
    /// thread.
    func dispatch(_ changes: [PresenceChange]) {
        guard let (host, sockets) = watchers.withLock({ $0 }) else { return }
        let watching = watchedUsers.loops(watching: changes.lazy.map(\.user))
        let watchingLoops = watching.reduce(0, |)
        for (loop, watches) in zip(loops.all, sockets) where watchingLoops & 1 << UInt64(loop.index) != 0 {
            let watched = zip(changes, watching).filter { $0.1 & 1 << UInt64(loop.index) != 0 }.map(\.0)
            loop.execute { shard in
                for change in watched { watches.notify(of: change, on: shard) }
            }
        }
        host.presenceChanged(changes)
    }
}

/// Records which event loops have a socket that watches a user. Any thread.
///
/// The lock is acquired for each presence change, and once for each list of users whose first watcher on a loop comes
/// or whose last one goes.
final class WatchedUserIndex: Sendable {
    /// One bit for each loop; there are at most 64 loops.
    private let loops = Mutex<[ByteString: UInt64]>([:])

    func add(_ users: [ByteString], loop: Int) {
        guard !users.isEmpty else { return }
        loops.withLock { loops in
            for user in users { loops[user, default: 0] |= 1 << UInt64(loop) }
        }
    }

    func remove(_ users: [ByteString], loop: Int) {
        guard !users.isEmpty else { return }
        loops.withLock { loops in
            for user in users {
                guard let index = loops.index(forKey: user) else { continue }
                loops.values[index] &= ~(1 << UInt64(loop))
                if loops.values[index] == 0 { loops.remove(at: index) }
            }
            // An emptied table keeps its memory; a new one has none.
            if loops.isEmpty { loops = [:] }
        }
    }

    /// For each of the users: the loops that watch it, one bit each.
    func loops(watching users: some Sequence<ByteString>) -> [UInt64] {
        loops.withLock { loops in users.map { loops[$0] ?? 0 } }
    }

    /// Number of watched users.
    var count: Int { loops.withLock { $0.count } }
}
