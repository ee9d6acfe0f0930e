import Support
import Synchronization

/// Which event loops have a socket that watches a user. Any thread; the lock is taken when a loop's first socket watches a user or its last one does not
/// any more, and for each change.
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
