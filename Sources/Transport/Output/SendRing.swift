import CSendRing
import Glibc

/// Sends for many connections with one system call, through io_uring: what is left of a broadcast's cost is
/// the kernel's TCP. [loop]
///
/// No send waits, so that all have their answers when the call returns: nothing is ever under way between two ticks,
/// buffers need no longer life than the call, and order is what it is with `send`.
final class SendRing {
    /// With fewer outputs than this in a tick, the ring costs more than the calls it saves.
    static let worthwhile = 8

    private let ring: OpaquePointer
    private let capacity: Int
    /// Whose sends are in the batch. Not retained: whoever flushes holds them.
    private let outputs: UnsafeMutablePointer<Unmanaged<ConnectionOutput>>
    /// The batch as C sees it.
    private let sends: UnsafeMutablePointer<jf_send>
    private var count = 0
    /// Called once, at the end of a flush, when the kernel has stopped answering. What waits has gone, or goes, the
    /// ordinary way; use the ring no more.
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
        outputs = .allocate(capacity: capacity)
        sends = .allocate(capacity: capacity)
    }

    deinit {
        jf_send_ring_close(ring)
        sends.deallocate()
        outputs.deallocate()
    }

    /// The kernel's handle of the ring.
    var descriptor: CInt { jf_send_ring_descriptor(ring) }

    /// Flushes all of `dirty`.
    func flush(_ dirty: ContiguousArray<ConnectionOutput>) {
        var alone: [Int] = []
        dirty.withUnsafeBufferPointer { dirty in
            for index in dirty.indices {
                let output = Unmanaged.passUnretained(dirty[index])
                // Nothing else runs until the batch is sent, so no descriptor in it can be closed before.
                guard failure == nil, let sending = output._withUnsafeGuaranteedRef({ $0.beginSending() }) else {
                    alone.append(index)
                    continue
                }
                outputs[count] = output
                sends[count] = jf_send(
                    bytes: sending.bytes.baseAddress, count: sending.bytes.count, descriptor: sending.descriptor,
                    result: 0)
                count += 1
                if count == capacity { send() }
            }
        }
        send()
        // Flushing by itself may end connections: not while others are in the batch.
        for index in alone { dirty[index].flush() }
        if let failure { onBroken(failure) }
    }

    private func send() {
        guard count > 0 else { return }
        let code = jf_send_ring_perform(ring, sends, UInt32(count))
        if code != 0 { failure = Unavailable(code: code) }
        var unfinished: [Int] = []
        for index in 0..<count {
            let (result, size) = (Int(sends[index].result), sends[index].count)
            if outputs[index]._withUnsafeGuaranteedRef({ $0.took(result, of: size) }) { unfinished.append(index) }
        }
        // What comes of these may write to any of the others, but that is the next tick's.
        for index in unfinished {
            outputs[index].takeUnretainedValue().finish(Int(sends[index].result), of: sends[index].count)
        }
        count = 0
    }
}
