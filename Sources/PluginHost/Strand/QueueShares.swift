import Synchronization

/// How much of a crowded queue each sender has waiting. Any thread; the lock is taken only while the queue is crowded.
///
/// Bounded by what may wait: a sender with nothing waiting has no entry.
final class QueueShares: Sendable {
    private struct Usage {
        var callbacks = 0
        var bytes = 0
    }

    private struct State {
        var sockets: [UInt64: Usage] = [:]
        var users: [UInt64: Usage] = [:]
    }

    enum Verdict {
        case reserved
        /// The socket has its share waiting.
        case socketShare
        /// The user has it, over all sockets.
        case userShare
    }

    /// Percent of the queue; 100: no share at all, a sender may take what the queue has.
    let socketPercent: Int
    let userPercent: Int
    private let state = Mutex(State())

    init(socketPercent: Int, userPercent: Int) {
        self.socketPercent = socketPercent
        self.userPercent = userPercent
    }

    /// Takes room for one callback of `sender`.
    ///
    /// Beside their percentages no sender has more waiting than the queue has free: of several that flood, each comes to have as much as the others,
    /// and as much stays free for the next one. A sender with nothing waiting may always enqueue one, as large as it is.
    ///
    /// - Parameters:
    ///   - queue: what the whole queue may hold.
    ///   - free: what it has free.
    func reserve(_ bytes: Int, for sender: Sender, of queue: (callbacks: Int, bytes: Int), free: (callbacks: Int, bytes: Int)) -> Verdict {
        func fits(_ held: Usage, _ percent: Int) -> Bool {
            guard held.callbacks > 0, percent < 100 else { return true }
            return held.callbacks < min(max(1, queue.callbacks * percent / 100), free.callbacks)
                && held.bytes + bytes <= min(queue.bytes / 100 * percent, free.bytes)
        }
        return state.withLock { state in
            let socket = state.sockets[sender.socket] ?? Usage()
            guard fits(socket, socketPercent) else { return .socketShare }
            let user = state.users[sender.user] ?? Usage()
            guard fits(user, userPercent) else { return .userShare }
            state.sockets[sender.socket] = Usage(callbacks: socket.callbacks + 1, bytes: socket.bytes + bytes)
            state.users[sender.user] = Usage(callbacks: user.callbacks + 1, bytes: user.bytes + bytes)
            return .reserved
        }
    }

    /// One callback of `sender` does not wait any more.
    func release(_ bytes: Int, of sender: Sender) {
        func release(_ table: inout [UInt64: Usage], _ key: UInt64) {
            guard var held = table[key] else { return }
            held.callbacks -= 1
            held.bytes -= bytes
            table[key] = held.callbacks > 0 ? held : nil
        }
        state.withLock { state in
            release(&state.sockets, sender.socket)
            release(&state.users, sender.user)
        }
    }

    /// Senders that are counted now.
    var count: Int { state.withLock { $0.sockets.count } }
}
