import Synchronization

/// What may wait for one plugin, over all its strands: callbacks and bytes. Relaxed counters, so that loops do not meet in a lock.
///
/// The first sixteenth of the queue is for whoever comes first. Beyond it the queue is crowded: what a client adds then counts against its
/// ``QueueShares``, and is refused when the client has its share waiting.
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
    /// One callback larger than all bytes may wait alone: a message the transport let in is never impossible to hand over.
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

    /// Takes room for what was promised before and cannot be refused any more: what follows a disconnect, an answer, a timer. Each has a bound
    /// of its own (sockets, pending acks, timers).
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
