/// Names a socket from any thread, for as long as anyone likes: loop index (8 bits) | slot (24) | generation (32, never 0);
/// 0 is "no socket".
///
/// A handle outlives its socket harmlessly: the slot's generation has moved on, and ``Shard/socket(_:)`` finds nothing.
public typealias SocketHandle = UInt64

extension SocketHandle {
    /// More sockets than one loop has memory for; the next one is refused.
    static let maximumSlots = 1 << 24

    init(shard: Int, slot: Int, generation: UInt32) {
        self = UInt64(shard) << 56 | UInt64(slot) << 32 | UInt64(generation)
    }

    /// Which ``Shard`` owns the socket: its ``Shard/index``.
    public var shardIndex: Int { Int(self >> 56) }

    var slot: Int { Int(truncatingIfNeeded: (self >> 32) & 0xFF_FFFF) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: self) }
}
