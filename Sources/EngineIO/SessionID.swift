/// A session's id: 20 characters of `[A-Za-z0-9_-]`. Stored inline, because a `String` of this length would need an
/// allocation for each session.
///
/// The first character encodes the session's event loop. A connection that the kernel assigned to another loop thus
/// finds the session without a directory shared by all loops. The other 19 characters are 114 random bits: the id is
/// the session's only secret.
public struct SessionID: Hashable, Sendable {
    public static let length = 20
    /// One character can encode this many loop indices.
    public static let maxLoops = 64

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-".utf8)

    private let first: UInt64
    private let second: UInt64
    private let third: UInt32

    /// Creates an id for a session on the loop with this index, 0 ..< 64.
    public static func make(loop: Int, using generator: inout some RandomNumberGenerator) -> SessionID {
        precondition(loop >= 0 && loop < maxLoops, "a session id can name \(maxLoops) loops, not loop \(loop)")
        return withUnsafeTemporaryAllocation(byteCount: length, alignment: 1) { bytes in
            bytes[0] = alphabet[loop]
            var bits: UInt64 = 0
            var left = 0
            for position in 1..<length {
                if left < 6 {
                    bits = generator.next()
                    left = 60
                }
                bytes[position] = alphabet[Int(bits & 63)]
                bits >>= 6
                left -= 6
            }
            return SessionID(reading: UnsafeRawBufferPointer(bytes))
        }
    }

    /// nil if `bytes` has another length than an id.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.length else { return nil }
        self.init(reading: bytes)
    }

    private init(reading bytes: UnsafeRawBufferPointer) {
        first = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        second = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        third = bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
    }

    /// The index of the session's loop; nil if ``make(loop:using:)`` cannot have created the id.
    public var loop: Int? {
        withUnsafeBytes(of: first) { Self.alphabet.firstIndex(of: $0[0]) }
    }
}

extension SessionID: CustomStringConvertible {
    /// The id as text, created on each call.
    public var description: String {
        String(unsafeUninitializedCapacity: Self.length) { text in
            let bytes = UnsafeMutableRawBufferPointer(text)
            bytes.storeBytes(of: first, toByteOffset: 0, as: UInt64.self)
            bytes.storeBytes(of: second, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: third, toByteOffset: 16, as: UInt32.self)
            return Self.length
        }
    }
}
