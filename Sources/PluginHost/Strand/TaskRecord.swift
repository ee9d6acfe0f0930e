/// A boxed ``StrandTask`` in a strand's queue, retained.
struct TaskRecord: BitwiseCopyable {
    /// Of the whole record; see ``RecordBuffer``.
    var size: UInt32
    var kind: Strand.RecordKind
    /// What it took of the ``QueueBudget``.
    var bytes: UInt64
    var task: UnsafeRawPointer
}
