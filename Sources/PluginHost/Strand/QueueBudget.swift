import SocketIO
import Support
import Synchronization

/// What may wait for one plugin, over all its strands: callbacks and bytes. Relaxed counters, so that
/// loops do not meet in a lock.
///
/// The first sixteenth of the queue is for whoever comes first. Beyond it the queue is crowded: what a client adds then
/// counts against its ``QueueShares``, and is refused when the client has its share waiting.
final class QueueBudget: Sendable {
    let callbackLimit: Int
    let byteLimit: Int
    let shares: QueueShares
    private let crowdedCallbacks: Int
    private let crowdedBytes: Int
    private let waiting = Atomic<Int>(0)
    private let waitingBytes = Atomic<Int>(0)
    private let fullRefusals = Atomic<UInt64>(0)
    private let socketRefusals = Atomic<UInt64>(0)
    private let userRefusals = Atomic<UInt64>(0)

    /// What became of the wish for room.
    enum Verdict: Equatable {
        /// ``release(_:_:)`` it back.
        case reserved
        /// ``release(_:_:of:)`` it back.
        case charged
        case refused(Refusal)
    }

    /// Why there is no room.
    enum Refusal: Equatable {
        case full
        /// The sender has its share of the queue waiting, for this socket or for all of the user's.
        case share
    }

    /// - Parameters:
    ///   - socketShare: percent of the queue that one socket may have waiting; 100: all of it.
    ///   - userShare: the same for all sockets of a user.
    init(callbacks: Int, bytes: Int, socketShare: Int = 100, userShare: Int = 100) {
        callbackLimit = callbacks
        byteLimit = bytes
        shares = QueueShares(socketPercent: socketShare, userPercent: userShare)
        crowdedCallbacks = callbacks / 16
        crowdedBytes = bytes / 16
    }

    /// Callbacks that wait now.
    var callbacks: Int { waiting.load(ordering: .relaxed) }
    /// Bytes that wait now.
    var bytes: Int { waitingBytes.load(ordering: .relaxed) }
    /// What found the queue full, ever.
    var refusedFull: UInt64 { fullRefusals.load(ordering: .relaxed) }
    /// What was beyond a socket's share, ever.
    var refusedForSocket: UInt64 { socketRefusals.load(ordering: .relaxed) }
    /// What was beyond a user's share, ever.
    var refusedForUser: UInt64 { userRefusals.load(ordering: .relaxed) }

    /// Takes room for one callback of the plugin's own; counts the refusal if there is none.
    ///
    /// One callback larger than all bytes may wait alone: a message the transport let in is never
    /// impossible to hand over.
    @inline(__always)
    func reserve(_ bytes: Int) -> Bool {
        let count = waiting.wrappingAdd(1, ordering: .relaxed).newValue
        let total = waitingBytes.wrappingAdd(bytes, ordering: .relaxed).newValue
        if isWithin(count, total) { return true }
        release(1, bytes)
        countRefusal()
        return false
    }

    /// The same for a callback that a client causes. `sender` is asked for only when the queue is crowded.
    @inline(__always)
    func reserve(_ bytes: Int, for sender: @autoclosure () -> Sender) -> Verdict {
        let count = waiting.wrappingAdd(1, ordering: .relaxed).newValue
        let total = waitingBytes.wrappingAdd(bytes, ordering: .relaxed).newValue
        if count <= crowdedCallbacks, total <= crowdedBytes { return .reserved }
        return charge(bytes, to: sender(), count, total)
    }

    @inline(never)
    private func charge(_ bytes: Int, to sender: Sender, _ count: Int, _ total: Int) -> Verdict {
        guard isWithin(count, total) else {
            release(1, bytes)
            countRefusal()
            return .refused(.full)
        }
        let free = (callbackLimit - count + 1, byteLimit - total + bytes)
        switch shares.reserve(bytes, for: sender, of: (callbackLimit, byteLimit), free: free) {
        case .reserved:
            return .charged
        case .socketShare:
            socketRefusals.wrappingAdd(1, ordering: .relaxed)
        case .userShare:
            userRefusals.wrappingAdd(1, ordering: .relaxed)
        }
        release(1, bytes)
        return .refused(.share)
    }

    @inline(__always)
    private func isWithin(_ count: Int, _ total: Int) -> Bool {
        count <= callbackLimit && (total <= byteLimit || count == 1)
    }

    /// Takes room for what was promised before and cannot be refused any more: what follows a disconnect, an answer, a
    /// timer. Each has a bound of its own (sockets, pending acks, timers).
    func reserveUnconditionally(_ bytes: Int) {
        waiting.wrappingAdd(1, ordering: .relaxed)
        waitingBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    @inline(__always)
    func release(_ callbacks: Int, _ bytes: Int) {
        waiting.wrappingSubtract(callbacks, ordering: .relaxed)
        waitingBytes.wrappingSubtract(bytes, ordering: .relaxed)
    }

    /// Gives back what was ``Verdict/charged``: one callback.
    func release(_ bytes: Int, of sender: Sender) {
        release(1, bytes)
        shares.release(bytes, of: sender)
    }

    /// Whether new work would find room.
    var hasCapacity: Bool { callbacks < callbackLimit && bytes < byteLimit }

    func countRefusal() {
        fullRefusals.wrappingAdd(1, ordering: .relaxed)
    }
}

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
    /// Beside their percentages no sender has more waiting than the queue has free: of several that flood, each comes
    /// to have as much as the others, and as much stays free for the next one. A sender with nothing waiting may always
    /// enqueue one, as large as it is.
    ///
    /// - Parameters:
    ///   - queue: what the whole queue may hold.
    ///   - free: what it has free.
    func reserve(
        _ bytes: Int, for sender: Sender, of queue: (callbacks: Int, bytes: Int), free: (callbacks: Int, bytes: Int)
    ) -> Verdict {
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

/// Whose callback it is, for fair shares and turns: a user, and one of the user's sockets.
///
/// Both are hashes with a seed of the process, so that nobody on the wire can choose a name
/// that shares somebody else's.
struct Sender: Hashable {
    /// Of the user; of the socket where it has none.
    let user: UInt64
    let socket: UInt64

    init(user: UInt64, socket: UInt64) {
        self.user = user
        self.socket = socket
    }

    /// The sender of an event.
    ///
    /// - Parameter user: its id as bytes; empty for the anonymous.
    init(user: UnsafeRawBufferPointer, socket: SocketHandle) {
        self.socket = socket
        self.user = user.isEmpty ? socket : Self.hash(user)
    }

    init(user: ByteString?, socket: SocketHandle) {
        self = (user ?? "").withBytes { Sender(user: $0, socket: socket) }
    }

    /// The sender of an HTTP request: the user of its token, or else the address it came from.
    init(user: ByteString?, address: String) {
        self.user = (user ?? ByteString(address)).withBytes { Self.hash($0) }
        // A user's requests have one line, beside those of the user's sockets.
        socket = self.user
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: bytes)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
