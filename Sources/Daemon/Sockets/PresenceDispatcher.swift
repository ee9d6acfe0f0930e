import PluginHost
import Presence
import Support
import Synchronization
import Transport

/// Carries changes from the presence table to those who watch: sockets on every loop, and plugins.
///
/// The table comes first and the host needs it, so the way to the host is laid afterwards, before the first connection.
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

    /// Any thread; in the order of the changes. A loop is woken only for changes of users that a socket of it watches.
    func dispatch(_ changes: [PresenceChange]) {
        guard let (host, sockets) = watchers.withLock({ $0 }) else { return }
        let watching = watchedUsers.loops(watching: changes.lazy.map(\.user))
        let anybody = watching.reduce(0, |)
        for (loop, watches) in zip(loops.all, sockets) where anybody & 1 << UInt64(loop.index) != 0 {
            let watched = zip(changes, watching).filter { $0.1 & 1 << UInt64(loop.index) != 0 }.map(\.0)
            loop.execute { shard in
                for change in watched { watches.notify(of: change, on: shard) }
            }
        }
        host.presenceChanged(changes)
    }
}

/// Which event loops have a socket that watches a user. Any thread; the lock is taken when a loop's first socket
/// watches a user or its last one does not any more, and for each change.
final class WatchedUserIndex: Sendable {
    /// One bit for each loop, of which there are at most 64.
    private let loops = Mutex<[ByteString: UInt64]>([:])

    func add(_ user: ByteString, loop: Int) {
        loops.withLock { $0[user, default: 0] |= 1 << UInt64(loop) }
    }

    func remove(_ user: ByteString, loop: Int) {
        loops.withLock { loops in
            let rest = loops[user, default: 0] & ~(1 << UInt64(loop))
            loops[user] = rest == 0 ? nil : rest
        }
    }

    /// The loops that watch each of these users, as bits.
    func loops(watching users: some Sequence<ByteString>) -> [UInt64] {
        loops.withLock { loops in users.map { loops[$0] ?? 0 } }
    }

    /// Users that are watched.
    var count: Int { loops.withLock { $0.count } }
}
