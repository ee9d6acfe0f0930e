import NIOCore

/// The buffers that the connections of one loop read into. A loop reads one connection at a time, so one buffer is
/// enough for all of them, as long as whoever reads it gives it back. [loop]
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

/// Has a channel read into the buffers of its loop, so that an idle connection has none.
///
/// NIO keeps the very first buffer as long as the channel, so that one is tiny; it never looks at it again, because
/// this allocator offers no sizes and always says that the next buffer may be larger. With `maxMessagesPerRead` 1,
/// which this relies on, NIO keeps no others.
struct ReceiveAllocator: RecvByteBufferAllocator {
    /// As small as malloc's blocks are, since every idle connection pays for it. ``HTTPHandler`` reads on
    /// at once when it is full.
    private static let firstCapacity = 16

    private let loop: Loop
    private var isFirst = true
    /// Bytes; 0: as many as a connection of which nothing is known.
    private let limit: Int32

    /// For a new channel, of which nothing has been read.
    init(on loop: Loop) {
        self.loop = loop
        limit = 0
    }

    /// For a channel that was read before, and is to read so many bytes at a time from now on.
    init(on loop: Loop, limit: Int32) {
        self.loop = loop
        self.limit = limit
        isFirst = false
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        if isFirst { return allocator.buffer(capacity: Self.firstCapacity) }
        return loop.receiveBuffers.acquire(
            allocator, capacity: limit == 0 ? loop.readShares.sizeForNewcomers : Int(limit))
    }

    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }
}
