import Support

/// The 20 characters that name a socket to its client and to others: 120 random bits in the URL-safe base64 alphabet.
///
/// Kept as its bytes within the socket, for a `String` of that length would be an allocation of its own for each socket.
struct SocketID: Hashable, Sendable {
    static let length = 20

    private let first: UInt64
    private let second: UInt64
    private let third: UInt32

    /// A fresh id; unguessable, as those of recovery must be.
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

    /// The id that `text` is; `nil` if its length shows that it is none.
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
