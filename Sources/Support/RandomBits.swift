import Glibc

/// The kernel's randomness, fetched for many ids at once: `SystemRandomNumberGenerator` makes a system call for every
/// eight bytes, four for each client that connects.
///
/// What has been handed out is wiped, so that memory read later tells no id that was given out before.
public struct RandomBits: RandomNumberGenerator {
    /// 256 bytes: as many as `getrandom` gives whole, whatever signals come.
    private static let count = 32

    private var words = [UInt64](repeating: 0, count: count)
    private var left = 0

    public init() {}

    public mutating func next() -> UInt64 {
        if left == 0 { refill() }
        left -= 1
        defer { words[left] = 0 }
        return words[left]
    }

    private mutating func refill() {
        words.withUnsafeMutableBytes { bytes in
            let code = getentropy(bytes.baseAddress!, bytes.count)
            precondition(code == 0, "the system has no randomness: errno \(errno)")
        }
        left = Self.count
    }
}
