import CSendRing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Sends for many connections with one system call, through io_uring: what is left of a broadcast's cost is the kernel's TCP. [loop]
///
/// No send waits, so that all have their answers when the call returns: nothing is ever under way between two turns, buffers need no longer life than the
/// call, and order is what it is with `send`.
final class SendRing {
    /// With fewer outputs than this in a turn, the ring costs more than the calls it saves.
    static let worthwhile = 8

    private let ring: OpaquePointer
    private let capacity: Int
    private var batch: ContiguousArray<(output: ConnectionOutput, sending: ConnectionOutput.Sending)> = []
    /// The batch as C sees it.
    private let sends: UnsafeMutablePointer<jf_send>
    /// Called once, at the end of a flush, when the kernel has stopped answering. What waits has gone, or goes, the ordinary way; use the ring no more.
    var onBroken: (Unavailable) -> Void = { _ in }
    private var failure: Unavailable?

    /// Why there is no ring: an old kernel, or a container that forbids it.
    struct Unavailable: Error, CustomStringConvertible {
        let code: CInt
        var description: String { String(cString: strerror(code)) }
    }

    /// Belongs to the calling thread, which the kernel checks.
    /// - Parameter capacity: sends of one system call.
    init(capacity: Int = 512) throws(Unavailable) {
        var code: Int32 = 0
        guard let ring = jf_send_ring_open(UInt32(capacity), &code) else { throw Unavailable(code: code) }
        self.ring = ring
        self.capacity = capacity
        sends = .allocate(capacity: capacity)
        batch.reserveCapacity(capacity)
    }

    deinit {
        jf_send_ring_close(ring)
        sends.deallocate()
    }

    /// The kernel's handle of the ring.
    var descriptor: CInt { jf_send_ring_descriptor(ring) }

    /// Flushes all of `outputs`.
    func flush(_ outputs: ContiguousArray<ConnectionOutput>) {
        var alone: ContiguousArray<ConnectionOutput> = []
        for output in outputs {
            guard failure == nil else {
                alone.append(output)
                continue
            }
            // Nothing else runs until the batch is sent, so no descriptor in it can be closed before.
            guard let sending = output.beginSending() else {
                alone.append(output)
                continue
            }
            sends[batch.count] = jf_send(bytes: sending.bytes.baseAddress, count: sending.bytes.count, descriptor: sending.descriptor, result: 0)
            batch.append((output, sending))
            if batch.count == capacity { send() }
        }
        send()
        // Flushing by itself may end connections: not while others are in the batch.
        for output in alone { output.flush() }
        if let failure { onBroken(failure) }
    }

    private func send() {
        guard !batch.isEmpty else { return }
        let code = jf_send_ring_perform(ring, sends, UInt32(batch.count))
        if code != 0 { failure = Unavailable(code: code) }
        // What comes of an answer may write again, but that is the next turn's.
        for (index, entry) in batch.enumerated() { entry.output.finish(entry.sending, result: Int(sends[index].result)) }
        batch.removeAll(keepingCapacity: true)
    }
}
