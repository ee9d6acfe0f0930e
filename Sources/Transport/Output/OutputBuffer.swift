/// Bytes to be sent. A plain value without ownership tracking: its holder must deallocate it or release it to the pool.
struct OutputBuffer {
    private(set) var start: UnsafeMutableRawPointer
    private(set) var capacity: Int
    var count = 0

    init(capacity: Int) {
        start = .allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }

    /// Makes room for `more` bytes behind the present ones.
    mutating func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: start, byteCount: count)
        start.deallocate()
        start = moved
        capacity = larger
    }

    /// Appends `size` bytes. The caller writes them at the returned address.
    mutating func append(_ size: Int) -> UnsafeMutableRawPointer {
        reserve(size)
        defer { count += size }
        return start + count
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    func deallocate() {
        start.deallocate()
    }
}

/// The output buffers of one loop. A connection has one only while it has something to write. [loop]
final class BufferPool {
    /// Capacity of a new buffer: sixteen short messages; bytes.
    private static let initialCapacity = 2048
    /// Larger buffers are freed on release; bytes.
    private static let keptCapacity = 16_384
    /// The pool keeps at most this many buffers; with ``keptCapacity``, 16 MB per loop.
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
