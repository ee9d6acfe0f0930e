import Glibc

/// Comparing by the C library: the generic algorithms of sequences go byte by byte.
extension UnsafeRawBufferPointer {
    @inline(__always)
    func isEqual(to literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && begins(with: UnsafeRawBufferPointer(start: literal.utf8Start, count: count))
    }

    @inline(__always)
    package func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
        count == other.count && begins(with: other)
    }

    /// Whether these are `literal`, given in lower case, in any case.
    package func isEqual(ignoringCase literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in indices where self[index] | (self[index] &- 0x41 < 26 ? 0x20 : 0) != literal.utf8Start[index] { return false }
        return true
    }

    /// Whether these are `other` but for the case of ASCII letters.
    func isEqual(ignoringCase other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] {
            // Bytes that differ by the case bit alone are the same letter if one of them is a letter.
            guard self[index] ^ other[index] == 0x20, (self[index] | 0x20) &- 0x61 < 26 else { return false }
        }
        return true
    }

    /// All of it but a `suffix` at its end.
    func without(suffix: StaticString) -> UnsafeRawBufferPointer {
        let start = count - suffix.utf8CodeUnitCount
        guard start >= 0, part(start..<count).isEqual(to: suffix) else { return self }
        return part(0..<start)
    }

    @inline(__always)
    func begins(with other: UnsafeRawBufferPointer) -> Bool {
        guard count >= other.count, let start = baseAddress, let otherStart = other.baseAddress else { return other.isEmpty }
        return memcmp(start, otherStart, other.count) == 0
    }

    func contains(_ literal: StaticString) -> Bool {
        let literal = UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        var position = 0
        while position < count, let start = baseAddress, let found = memchr(start + position, CInt(literal[0]), count - position) {
            let place = UnsafeRawPointer(found) - start
            if part(place..<count).begins(with: literal) { return true }
            position = place + 1
        }
        return false
    }

    /// The bytes in `range`, as a buffer of its own.
    @inline(__always)
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }
}
