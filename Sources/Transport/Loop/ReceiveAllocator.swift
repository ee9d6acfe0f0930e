import NIOCore

/// Decides what a channel reads into: a WebSocket into the buffers of its loop, so that an idle one has none; HTTP, whose parts outlive the read, into
/// buffers of its own.
///
/// NIO keeps the very first buffer as long as the channel, so that one is small; it never looks at it again, because this allocator offers no sizes and
/// always says that the next buffer may be larger. With `maxMessagesPerRead` 1, which this relies on, NIO keeps no others.
struct ReceiveAllocator: RecvByteBufferAllocator {
    private enum Kind {
        case first
        case own
        case shared
    }

    /// Small, since every idle connection pays for it; nearly every request takes a second read.
    private static let firstCapacity: UInt32 = 64
    private static let smallest: UInt32 = 2048
    private static let largest: UInt32 = 65_536

    private let loop: Loop
    private var capacity: UInt32
    private var kind: Kind
    private let isWebSocket: Bool

    private init(_ loop: Loop, _ kind: Kind, capacity: UInt32, isWebSocket: Bool) {
        self.loop = loop
        self.kind = kind
        self.capacity = capacity
        self.isWebSocket = isWebSocket
    }

    /// For a new channel, of which nothing has been read.
    static func new(on loop: Loop, isWebSocket: Bool = false) -> ReceiveAllocator {
        ReceiveAllocator(loop, .first, capacity: firstCapacity, isWebSocket: isWebSocket)
    }

    /// For a channel of HTTP that has become a WebSocket's.
    static func webSocket(on loop: Loop) -> ReceiveAllocator {
        ReceiveAllocator(loop, .shared, capacity: largest, isWebSocket: true)
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        kind == .shared ? loop.receiveBuffers.take(allocator) : allocator.buffer(capacity: Int(capacity))
    }

    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
        switch kind {
        case .first: (kind, capacity) = (isWebSocket ? .shared : .own, Self.smallest)
        case .own: capacity = actualReadBytes >= capacity ? min(capacity * 2, Self.largest) : Self.smallest
        case .shared: break
        }
        return true
    }
}
