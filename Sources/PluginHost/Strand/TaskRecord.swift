/// A boxed ``StrandTask`` in a strand's queue, retained.
struct TaskRecord: BitwiseCopyable {
    /// Of the whole record; see ``RecordBuffer``.
    var size: UInt32
    var kind: Strand.RecordKind
    var order: Order
    /// Whether its sender was charged for it; see ``QueueBudget/Verdict/charged``.
    var isCharged: Bool
    /// What it took of the ``QueueBudget``.
    var bytes: UInt64
    var task: UnsafeRawPointer
    /// ``Sender``, where ``order`` is ``Order/sender``.
    var user: UInt64
    var socket: UInt64

    /// Its place among what waits on a crowded strand.
    enum Order: UInt8, BitwiseCopyable {
        /// In its sender's line.
        case sender
        /// In the plugin's own line.
        case own
        /// After everything that came before it, and before everything that came after it.
        case barrier
    }

    var sender: Sender { Sender(user: user, socket: socket) }
}
