import SocketIO
import Support
import Synchronization

/// Limits what may wait for one plugin, over all its strands: callbacks and bytes. Uses relaxed counters, so that loops
/// do not contend for a lock.
///
/// The first sixteenth of the queue is open to all senders. Beyond it the queue is crowded: a client's callback then
/// counts against the sender's ``QueueShares``, and is refused if the share is used up.
final class QueueBudget: Sendable {
    let shares: QueueShares
    private let mostCallbacks: Atomic<Int>
    private let mostBytes: Atomic<Int>
    private let crowdedCallbacks: Atomic<Int>
    private let crowdedBytes: Atomic<Int>
    private let waiting = Atomic<Int>(0)
    private let waitingBytes = Atomic<Int>(0)
    private let fullRefusals = Atomic<UInt64>(0)
    private let socketRefusals = Atomic<UInt64>(0)
    private let userRefusals = Atomic<UInt64>(0)

    /// The result of a reservation.
    enum Verdict: Equatable {
        /// Return it with ``release(_:_:)``.
        case reserved
        /// Return it with ``release(_:_:of:)``.
        case charged
        case refused(Refusal)
    }

    /// Why a reservation was refused.
    enum Refusal: Equatable {
        case full
        /// The sender has used up its share of the queue, for this socket or for all of the user's.
        case share
    }

    /// - Parameters:
    ///   - socketShare: percent of the queue that one socket may have waiting; 100: no limit.
    ///   - userShare: the same for all sockets of a user.
    init(callbacks: Int, bytes: Int, socketShare: Int = 100, userShare: Int = 100) {
        mostCallbacks = Atomic(callbacks)
        mostBytes = Atomic(bytes)
        shares = QueueShares(socketPercent: socketShare, userPercent: userShare)
        crowdedCallbacks = Atomic(callbacks / 16)
        crowdedBytes = Atomic(bytes / 16)
    }

    /// Puts other limits in force; see ``init(callbacks:bytes:socketShare:userShare:)``. What waits stays, although it
    /// may be more than they admit.
    func adopt(callbacks: Int, bytes: Int, socketShare: Int, userShare: Int) {
        mostCallbacks.store(callbacks, ordering: .relaxed)
        mostBytes.store(bytes, ordering: .relaxed)
        shares.adopt(socketPercent: socketShare, userPercent: userShare)
        crowdedCallbacks.store(callbacks / 16, ordering: .relaxed)
        crowdedBytes.store(bytes / 16, ordering: .relaxed)
    }

    var callbackLimit: Int { mostCallbacks.load(ordering: .relaxed) }
    var byteLimit: Int { mostBytes.load(ordering: .relaxed) }

    /// Callbacks that wait now.
    var callbacks: Int { waiting.load(ordering: .relaxed) }
    /// Bytes that wait now.
    var bytes: Int { waitingBytes.load(ordering: .relaxed) }
    /// Callbacks refused because the queue was full, ever.
    var refusedFull: UInt64 { fullRefusals.load(ordering: .relaxed) }
    /// Callbacks refused because of a socket's share, ever.
    var refusedForSocket: UInt64 { socketRefusals.load(ordering: .relaxed) }
    /// Callbacks refused because of a user's share, ever.
    var refusedForUser: UInt64 { userRefusals.load(ordering: .relaxed) }

    /// Reserves one callback of the plugin itself; counts the refusal if the queue is full.
    ///
    /// If nothing else waits, a callback larger than the byte limit is accepted: every message that the transport
    /// accepts can be delivered.
    @inline(__always)
    func reserve(_ bytes: Int) -> Bool {
        let count = waiting.wrappingAdd(1, ordering: .relaxed).newValue
        let total = waitingBytes.wrappingAdd(bytes, ordering: .relaxed).newValue
        if isWithin(count, total) { return true }
        release(1, bytes)
        countRefusal()
        return false
    }

    /// Reserves one callback that a client causes. `sender` is evaluated only if the queue is crowded.
    @inline(__always)
    func reserve(_ bytes: Int, for sender: @autoclosure () -> Sender) -> Verdict {
        let count = waiting.wrappingAdd(1, ordering: .relaxed).newValue
        let total = waitingBytes.wrappingAdd(bytes, ordering: .relaxed).newValue
        if count <= crowdedCallbacks.load(ordering: .relaxed), total <= crowdedBytes.load(ordering: .relaxed) {
            return .reserved
        }
        return charge(bytes, to: sender(), count, total)
    }

    @inline(never)
    private func charge(_ bytes: Int, to sender: Sender, _ count: Int, _ total: Int) -> Verdict {
        guard isWithin(count, total) else {
            release(1, bytes)
            countRefusal()
            return .refused(.full)
        }
        let limits = (callbacks: callbackLimit, bytes: byteLimit)
        let free = (limits.callbacks - count + 1, limits.bytes - total + bytes)
        switch shares.reserve(bytes, for: sender, of: limits, free: free) {
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

    /// Reserves one callback that was promised before and cannot be refused: a disconnect hook, an answer, a timer.
    /// Each kind has a limit of its own (sockets, pending acks, timers).
    func reserveUnconditionally(_ bytes: Int) {
        waiting.wrappingAdd(1, ordering: .relaxed)
        waitingBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    @inline(__always)
    func release(_ callbacks: Int, _ bytes: Int) {
        waiting.wrappingSubtract(callbacks, ordering: .relaxed)
        waitingBytes.wrappingSubtract(bytes, ordering: .relaxed)
    }

    /// Releases one callback that was ``Verdict/charged``.
    func release(_ bytes: Int, of sender: Sender) {
        release(1, bytes)
        shares.release(bytes, of: sender)
    }

    /// Whether a new callback would be accepted.
    var hasCapacity: Bool { callbacks < callbackLimit && bytes < byteLimit }

    func countRefusal() {
        fullRefusals.wrappingAdd(1, ordering: .relaxed)
    }
}

/// How much of a crowded queue each sender has waiting. Any thread; the lock is used only while the queue is crowded.
///
/// Its size is bounded by the queue: a sender with nothing waiting has no entry.
final class QueueShares: Sendable {
    private struct Usage {
        var callbacks = 0
        var bytes = 0
    }

    private struct State {
        /// Percent of the queue; 100: no limit.
        var socketPercent: Int
        var userPercent: Int
        var sockets: [UInt64: Usage] = [:]
        var users: [UInt64: Usage] = [:]
    }

    enum Verdict {
        case reserved
        /// The socket has used up its share.
        case socketShare
        /// The user has used up its share, over all sockets.
        case userShare
    }

    private let state: Mutex<State>

    /// - Parameters: percent of the queue; 100: no limit.
    init(socketPercent: Int, userPercent: Int) {
        state = Mutex(State(socketPercent: socketPercent, userPercent: userPercent))
    }

    func adopt(socketPercent: Int, userPercent: Int) {
        state.withLock { state in
            state.socketPercent = socketPercent
            state.userPercent = userPercent
        }
    }

    /// Reserves one callback of `sender`.
    ///
    /// In addition to the percentages, a sender may not have more waiting than the queue has free. With this rule,
    /// senders that flood the queue get equal parts of it, and an equal part stays free for the next sender. A sender
    /// with nothing waiting may always enqueue one callback of any size.
    ///
    /// - Parameters:
    ///   - queue: the limits of the whole queue.
    ///   - free: what the queue has free.
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
            guard fits(socket, state.socketPercent) else { return .socketShare }
            let user = state.users[sender.user] ?? Usage()
            guard fits(user, state.userPercent) else { return .userShare }
            state.sockets[sender.socket] = Usage(callbacks: socket.callbacks + 1, bytes: socket.bytes + bytes)
            state.users[sender.user] = Usage(callbacks: user.callbacks + 1, bytes: user.bytes + bytes)
            return .reserved
        }
    }

    /// Releases one callback of `sender`, which no longer waits.
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

    /// Sockets with callbacks that are counted now.
    var count: Int { state.withLock { $0.sockets.count } }
}

/// The sender of a callback, for fair shares and turns: a user, and one of the user's sockets.
///
/// The user is a hash with a per-process seed, so that no client can choose a name that collides with another's.
struct Sender: Hashable {
    /// Hash of the user's id, or of the address of an anonymous HTTP client; an anonymous socket's handle.
    let user: UInt64
    /// The socket's handle; for an HTTP request the same as ``user``.
    let socket: UInt64

    init(user: UInt64, socket: UInt64) {
        self.user = user
        self.socket = socket
    }

    /// The sender of an event.
    ///
    /// - Parameter user: the user's id as bytes; empty for anonymous.
    init(user: UnsafeRawBufferPointer, socket: SocketHandle) {
        self.socket = socket
        self.user = user.isEmpty ? socket : Self.hash(user)
    }

    init(user: ByteString?, socket: SocketHandle) {
        self = (user ?? "").withBytes { Sender(user: $0, socket: socket) }
    }

    /// The sender of an HTTP request: the user of its token, or else its remote address.
    init(user: ByteString?, address: String) {
        self.user = (user ?? ByteString(address)).withBytes { Self.hash($0) }
        // All requests of a user share one line, separate from the lines of the user's sockets.
        socket = self.user
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: bytes)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
