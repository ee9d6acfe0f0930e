import Glibc

/// Random numbers of the kernel, read 256 bytes at a time. `SystemRandomNumberGenerator` needs a system call for every
/// eight bytes, which is four for each connecting client.
///
/// Used words are set to zero, so that a later leak of this memory reveals no id that was issued before.
public struct RandomBits: RandomNumberGenerator {
    /// 256 bytes: the most that `getentropy` returns in one call.
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
