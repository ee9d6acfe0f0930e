/// Makes session ids: 20 characters of `[A-Za-z0-9_-]`.
///
/// The first tells the event loop the session lives on, so that a connection the kernel gave to another loop finds its owner
/// without a directory that all loops would share. The other 19 are 114 random bits: the id is the session's only secret.
public enum SessionID {
    public static let length = 20
    /// More loops than characters cannot be told apart.
    public static let maxLoops = 64

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-".utf8)

    /// A new id for a session on the loop of this index, 0 ..< 64.
    public static func make(loop: Int, using generator: inout some RandomNumberGenerator) -> String {
        precondition(loop >= 0 && loop < maxLoops, "a session id can name \(maxLoops) loops, not loop \(loop)")
        return String(unsafeUninitializedCapacity: length) { bytes in
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
            return length
        }
    }

    /// The loop a session of this id lives on; nil for what ``make(loop:using:)`` never made.
    public static func loop(of id: String) -> Int? {
        guard id.utf8.count == length, let first = id.utf8.first else { return nil }
        return alphabet.firstIndex(of: first)
    }
}
