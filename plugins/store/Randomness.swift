import Foundation

/// The kernel's randomness, fetched for many ids at once: `SystemRandomNumberGenerator` makes a system call for each.
struct Randomness {
    /// 256 bytes: the most that `getentropy` gives.
    private static let count = 32

    private var words: [UInt64] = []

    mutating func next() -> UInt64 {
        if let word = words.popLast() { return word }
        words = [UInt64](unsafeUninitializedCapacity: Self.count) { words, count in
            let code = getentropy(words.baseAddress!, Self.count * MemoryLayout<UInt64>.size)
            precondition(code == 0, "the system has no randomness: errno \(errno)")
            count = Self.count
        }
        return words.removeLast()
    }
}
