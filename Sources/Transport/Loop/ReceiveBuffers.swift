import NIOCore

/// The buffers that the connections of one loop read into. A loop reads one connection at a time, so one buffer
/// suffices if every reader releases it. [loop]
package final class ReceiveBuffers {
    /// The capacity of a buffer: the size of the largest read.
    package static let capacity = ReadShares.most
    /// A read within a read needs a second buffer; further ones are freed.
    private static let kept = 2

    private var free: [ByteBuffer] = []

    /// - Parameter capacity: if less than ``capacity``, the buffer is newly allocated, and ``release(_:)`` does not
    ///   keep it.
    package func acquire(_ allocator: ByteBufferAllocator, capacity: Int = ReceiveBuffers.capacity) -> ByteBuffer {
        guard capacity >= Self.capacity else { return allocator.buffer(capacity: capacity) }
        while var buffer = free.popLast() {
            // A buffer that is still referenced is left to its other owner.
            if buffer.modifyIfUniquelyOwned({ $0.clear() }) != nil { return buffer }
        }
        return allocator.buffer(capacity: Self.capacity)
    }

    /// Returns a buffer whose bytes are no longer needed.
    func release(_ buffer: ByteBuffer) {
        guard free.count < Self.kept, buffer.storageCapacity >= Self.capacity else { return }
        free.append(buffer)
    }
}

/// Makes a channel read into the buffers of its loop, so that an idle connection holds none.
///
/// NIO keeps a channel's first buffer as long as the channel, so that one is tiny. NIO does not reuse it, because this
/// allocator offers no sizes and always reports that the next buffer may be larger. NIO keeps no other buffer, provided
/// that `maxMessagesPerRead` is 1.
struct ReceiveAllocator: RecvByteBufferAllocator {
    /// The smallest block of malloc, since every idle connection holds one. When it is full, ``HTTPHandler`` reads the
    /// rest at once.
    private static let firstCapacity = 16

    private let loop: Loop
    private var isFirst = true
    /// Bytes of one read; 0: ``ReadShares/initialReadSize``.
    private let limit: Int32

    /// For a new channel.
    init(on loop: Loop) {
        self.loop = loop
        limit = 0
    }

    /// For a channel that has been read before, and reads at most `limit` bytes at a time from now on.
    init(on loop: Loop, limit: Int32) {
        self.loop = loop
        self.limit = limit
        isFirst = false
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        if isFirst { return allocator.buffer(capacity: Self.firstCapacity) }
        return loop.receiveBuffers.acquire(
            allocator, capacity: limit == 0 ? loop.readShares.initialReadSize : Int(limit))
    }

    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }
}
