/// The output buffers of one loop. A connection has one only while it has something to write. [loop]
final class BufferPool {
    /// What a new buffer holds: sixteen short messages.
    private static let initialCapacity = 2048
    /// Larger buffers are freed when they come back.
    private static let keptCapacity = 16_384
    /// More buffers than this are freed; with ``keptCapacity`` at most 16 MB per loop.
    private static let keptBuffers = 1024

    private var free: ContiguousArray<OutputBuffer> = []

    /// A buffer with room for `count` bytes.
    func acquire(_ count: Int) -> OutputBuffer {
        var buffer = free.popLast() ?? OutputBuffer(capacity: max(count, Self.initialCapacity))
        buffer.reserve(count)
        return buffer
    }

    func release(_ buffer: OutputBuffer) {
        guard buffer.capacity <= Self.keptCapacity, free.count < Self.keptBuffers else { return buffer.deallocate() }
        var buffer = buffer
        buffer.count = 0
        free.append(buffer)
    }

    deinit {
        for buffer in free { buffer.deallocate() }
    }
}
