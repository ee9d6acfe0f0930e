import Glibc

/// The character sets of the parts of a head, for requests and responses. Most loops visit every byte without an early
/// exit, so that the compiler can vectorize them.
public enum HTTPSyntax {
    /// Whether these are a field name (RFC 9110, section 5.6.2).
    public static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy(isTokenCharacter)
    }

    @inline(__always)
    static func isTokenCharacter(_ byte: UInt8) -> Bool {
        // One bit for each of the 128 characters of ASCII: digits, letters, and !#$%&'*+-.^_`|~
        let bits: UInt64 = byte < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return byte < 128 && (bits &>> UInt64(byte)) & 1 == 1
    }

    /// Whether there are no control characters other than the tab.
    public static func isFieldValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var wrong: UInt8 = 0
        for index in bytes.indices {
            let byte = bytes[index]
            wrong |= (byte < 0x20 ? 1 : 0) & (byte != 0x09 ? 1 : 0) | (byte == 0x7F ? 1 : 0)
        }
        return wrong == 0
    }

    /// Whether there are neither blanks nor control characters.
    static func isTarget(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var wrong: UInt8 = 0
        for index in bytes.indices { wrong |= (bytes[index] <= 0x20 ? 1 : 0) | (bytes[index] == 0x7F ? 1 : 0) }
        return wrong == 0
    }

    /// Whether these are a host by RFC 3986, section 3.2: a name or address, which may be empty, and optionally a colon
    /// and a port.
    static func isHost(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        if bytes.first == UInt8(ascii: "[") {
            index = 1
            while index < bytes.count, isNameCharacter(bytes[index]) || bytes[index] == UInt8(ascii: ":") { index += 1 }
            guard index < bytes.count, bytes[index] == UInt8(ascii: "]") else { return false }
            index += 1
        } else {
            while index < bytes.count, isNameCharacter(bytes[index]) { index += 1 }
        }
        guard index < bytes.count else { return true }
        return bytes[index] == UInt8(ascii: ":") && bytes[(index + 1)...].allSatisfy { (0x30...0x39).contains($0) }
    }

    /// Unreserved characters, sub-delimiters and the percent sign.
    @inline(__always)
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x21, 0x24...0x2E, 0x3B, 0x3D, 0x5F, 0x7E: true
        default: false
        }
    }

    static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var all: UInt8 = 0
        for index in bytes.indices { all |= bytes[index] }
        return all < 0x80
    }
}

/// The parts of a field value between separators, such as the commas of a list or the semicolons of parameters, without
/// surrounding blanks. An empty value has one empty part.
struct HTTPListParts: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private let separator: UInt8
    /// The offset of the next part; greater than the count after the last part.
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer, separatedBy separator: UInt8) {
        self.bytes = bytes
        self.separator = separator
    }

    mutating func next() -> UnsafeRawBufferPointer? {
        guard position <= bytes.count else { return nil }
        let start = position
        let end = bytes[start...].firstIndex(of: separator) ?? bytes.count
        position = end + 1
        return bytes.part(start..<end).trimmed
    }
}

extension UnsafeRawBufferPointer {
    /// Without spaces and tabs at both ends.
    var trimmed: UnsafeRawBufferPointer {
        var (start, end) = (0, count)
        while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
        while start < end, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return part(start..<end)
    }
}

/// Comparisons with `memcmp` and `memchr`: the generic algorithms of sequences compare byte by byte.
extension UnsafeRawBufferPointer {
    @inline(__always)
    func isEqual(to literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount
            && begins(with: UnsafeRawBufferPointer(start: literal.utf8Start, count: count))
    }

    @inline(__always)
    package func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
        count == other.count && begins(with: other)
    }

    /// Whether these bytes are `literal`, ignoring ASCII case. `literal` must be in lower case.
    package func isEqual(ignoringCase literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        for index in indices where self[index] | (self[index] &- 0x41 < 26 ? 0x20 : 0) != literal.utf8Start[index] {
            return false
        }
        return true
    }

    /// Whether these bytes are `other`, ignoring ASCII case.
    func isEqual(ignoringCase other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] {
            // Bytes that differ in the case bit only are the same letter if one of them is a letter.
            guard self[index] ^ other[index] == 0x20, (self[index] | 0x20) &- 0x61 < 26 else { return false }
        }
        return true
    }

    /// Without `suffix` at the end, if it is there.
    func without(suffix: StaticString) -> UnsafeRawBufferPointer {
        let start = count - suffix.utf8CodeUnitCount
        guard start >= 0, part(start..<count).isEqual(to: suffix) else { return self }
        return part(0..<start)
    }

    @inline(__always)
    func begins(with other: UnsafeRawBufferPointer) -> Bool {
        guard count >= other.count, let start = baseAddress, let otherStart = other.baseAddress else {
            return other.isEmpty
        }
        return memcmp(start, otherStart, other.count) == 0
    }

    func contains(_ literal: StaticString) -> Bool {
        let literal = UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        var position = 0
        while position < count, let start = baseAddress,
            let found = memchr(start + position, CInt(literal[0]), count - position)
        {
            let place = UnsafeRawPointer(found) - start
            if part(place..<count).begins(with: literal) { return true }
            position = place + 1
        }
        return false
    }

    /// The bytes in `range`, as a buffer whose indices begin at 0.
    @inline(__always)
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }
}
