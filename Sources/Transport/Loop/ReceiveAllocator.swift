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

    /// For a new channel, of which nothing has been read.
    init(on loop: Loop) {
        self.loop = loop
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        isFirst ? allocator.buffer(capacity: Self.firstCapacity) : loop.receiveBuffers.take(allocator)
    }

    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }
}
