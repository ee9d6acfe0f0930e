import Synchronization

/// What may wait for one plugin, over all its strands: callbacks and bytes. Relaxed counters, so that loops do not meet in a lock.
final class QueueBudget: Sendable {
    let callbackLimit: Int
    let byteLimit: Int
    private let waiting = Atomic<Int>(0)
    private let waitingBytes = Atomic<Int>(0)
    private let refusals = Atomic<UInt64>(0)

    init(callbacks: Int, bytes: Int) {
        self.callbackLimit = callbacks
        self.byteLimit = bytes
    }

    /// Callbacks that wait now.
    var callbacks: Int { waiting.load(ordering: .relaxed) }
    /// Bytes that wait now.
    var bytes: Int { waitingBytes.load(ordering: .relaxed) }
    /// What found no room, ever.
    var refused: UInt64 { refusals.load(ordering: .relaxed) }

    /// Takes room for one callback; counts the refusal if there is none.
    ///
    /// One callback larger than all bytes may wait alone: a message the transport let in is never impossible to hand over.
    @inline(__always)
    func take(_ bytes: Int) -> Bool {
        let count = waiting.wrappingAdd(1, ordering: .relaxed).newValue
        let total = waitingBytes.wrappingAdd(bytes, ordering: .relaxed).newValue
        if count <= callbackLimit, total <= byteLimit || count == 1 { return true }
        give(1, bytes)
        refusals.wrappingAdd(1, ordering: .relaxed)
        return false
    }

    /// Takes room for what was promised before and cannot be refused any more: what follows a disconnect, an answer, a timer. Each has a bound
    /// of its own (sockets, pending acks, timers).
    func takeAnyway(_ bytes: Int) {
        waiting.wrappingAdd(1, ordering: .relaxed)
        waitingBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    @inline(__always)
    func give(_ callbacks: Int, _ bytes: Int) {
        waiting.wrappingSubtract(callbacks, ordering: .relaxed)
        waitingBytes.wrappingSubtract(bytes, ordering: .relaxed)
    }

    /// Whether new work would find room.
    var hasRoom: Bool { callbacks < callbackLimit && bytes < byteLimit }

    func countRefusal() {
        refusals.wrappingAdd(1, ordering: .relaxed)
    }
}
