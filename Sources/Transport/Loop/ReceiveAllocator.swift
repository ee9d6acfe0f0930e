import NIOCore

/// Has a channel read into the buffers of its loop, so that an idle connection has none.
///
/// NIO keeps the very first buffer as long as the channel, so that one is tiny; it never looks at it again, because this allocator offers no sizes and
/// always says that the next buffer may be larger. With `maxMessagesPerRead` 1, which this relies on, NIO keeps no others.
struct ReceiveAllocator: RecvByteBufferAllocator {
    /// As small as malloc's blocks are, since every idle connection pays for it. ``HTTPHandler`` reads on at once when it is full.
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
        return loop.receiveBuffers.acquire(allocator, capacity: limit == 0 ? loop.readShares.sizeForNewcomers : Int(limit))
    }

    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }
}
