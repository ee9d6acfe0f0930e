import NIOCore

/// The buffers that the connections of one loop read into. A loop reads one connection at a time, so one buffer is enough for all of them, as long as
/// whoever reads it gives it back. [loop]
package final class ReceiveBuffers {
    /// What one read takes at most.
    package static let capacity = ReadShares.most
    /// A tick that reads from within a read needs a second one; more are freed.
    private static let kept = 2

    private var free: [ByteBuffer] = []

    /// - Parameter capacity: less for a connection that is to read less; such buffers are made anew each time.
    package func acquire(_ allocator: ByteBufferAllocator, capacity: Int = ReceiveBuffers.capacity) -> ByteBuffer {
        guard capacity >= Self.capacity else { return allocator.buffer(capacity: capacity) }
        while var buffer = free.popLast() {
            // Whoever kept a part of it keeps it all.
            if buffer.modifyIfUniquelyOwned({ $0.clear() }) != nil { return buffer }
        }
        return allocator.buffer(capacity: Self.capacity)
    }

    /// The bytes have been read; nobody will look at them again.
    func release(_ buffer: ByteBuffer) {
        guard free.count < Self.kept, buffer.storageCapacity >= Self.capacity else { return }
        free.append(buffer)
    }
}
