import CSendRing
import Glibc

/// Sends for many connections with one system call, through io_uring. What remains of a broadcast's cost is the
/// kernel's TCP. [loop]
///
/// No send blocks, so all results are there when the call returns. Nothing is in flight between two ticks, buffers need
/// to live only for the call, and the order is the same as with `send`.
final class SendRing {
    /// With fewer outputs in a tick, the ring costs more than it saves.
    static let worthwhile = 8

    private let ring: OpaquePointer
    private let capacity: Int
    /// The outputs of the batch. Not retained: the caller of ``flush(_:)`` holds them.
    private let outputs: UnsafeMutablePointer<Unmanaged<ConnectionOutput>>
    /// The batch in C's representation.
    private let sends: UnsafeMutablePointer<jf_send>
    private var count = 0
    /// Called once, at the end of a flush, if the ring has stopped working. All outputs have then been flushed without
    /// it. The ring must not be used again.
    var onBroken: (Unavailable) -> Void = { _ in }
    private var failure: Unavailable?

    /// Why there is no ring: an old kernel, or a container that forbids io_uring.
    struct Unavailable: Error, CustomStringConvertible {
        let code: CInt
        var description: String { String(cString: strerror(code)) }
    }

    /// The ring may be used on the calling thread only; the kernel checks this.
    /// - Parameter capacity: sends per system call.
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

    /// The file descriptor of the ring.
    var descriptor: CInt { jf_send_ring_descriptor(ring) }

    /// Flushes all of `dirty`.
    func flush(_ dirty: ContiguousArray<ConnectionOutput>) {
        var alone: [Int] = []
        dirty.withUnsafeBufferPointer { dirty in
            for index in dirty.indices {
                let output = Unmanaged.passUnretained(dirty[index])
                // Nothing else runs until the batch is sent, so none of its descriptors can be closed before.
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
        // A flush may close other connections, so these wait until the batch is sent.
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
        // Finishing may append to any output; the next tick sends that.
        for index in unfinished {
            outputs[index].takeUnretainedValue().finish(Int(sends[index].result), of: sends[index].count)
        }
        count = 0
    }
}
