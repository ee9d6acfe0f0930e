import Support

/// A socket's public id, 20 characters: 120 random bits in the URL-safe base64 alphabet.
///
/// Stored inline, because a `String` of this length would need an allocation for each socket.
struct SocketID: Hashable, Sendable {
    static let length = 20

    private let first: UInt64
    private let second: UInt64
    private let third: UInt32

    /// A new id, unguessable: a private id for recovery must be.
    static func random(using generator: inout some RandomNumberGenerator) -> SocketID {
        var bits = [generator.next(), generator.next()] as InlineArray<2, UInt64>
        return withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { buffer in
            for index in 0..<length {
                let word = index / 10
                buffer[index] = alphabet.utf8Start[Int(bits[word] & 63)]
                bits[word] >>= 6
            }
            return SocketID(UnsafeRawBufferPointer(buffer))
        }
    }

    /// - Precondition: `bytes` are ``length`` bytes.
    private init(_ bytes: UnsafeRawBufferPointer) {
        first = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        second = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        third = bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
    }

    /// `nil` if `text` does not have ``length`` bytes; the characters are not checked.
    @inline(__always)
    init?(_ text: ByteString) {
        guard text.count == Self.length else { return nil }
        self = text.withBytes { SocketID($0) }
    }

    /// Writes the ``length`` characters to `target`.
    @inline(__always)
    func write(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: first, toByteOffset: 0, as: UInt64.self)
        target.storeBytes(of: second, toByteOffset: 8, as: UInt64.self)
        target.storeBytes(of: third, toByteOffset: 16, as: UInt32.self)
    }

    var text: String {
        String(unsafeUninitializedCapacity: Self.length) { buffer in
            write(to: UnsafeMutableRawPointer(buffer.baseAddress!))
            return Self.length
        }
    }

    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
}

/// Identifies a socket on any thread: loop index (8 bits) | slot (24) | generation (32, never 0); 0 is "no socket".
///
/// A stale handle is safe to use: the slot's generation has changed, so ``Shard/socket(_:)`` returns `nil`.
public typealias SocketHandle = UInt64

extension SocketHandle {
    /// The slots of one shard; without a free slot, a CONNECT is refused. One loop's memory does not suffice for so
    /// many sockets.
    static let maximumSlots = 1 << 24

    init(shard: Int, slot: Int, generation: UInt32) {
        self = UInt64(shard) << 56 | UInt64(slot) << 32 | UInt64(generation)
    }

    /// The ``Shard/index`` of the shard that owns the socket.
    public var shardIndex: Int { Int(self >> 56) }

    var slot: Int { Int(truncatingIfNeeded: (self >> 32) & 0xFF_FFFF) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: self) }
}
