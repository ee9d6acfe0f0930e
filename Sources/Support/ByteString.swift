#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// UTF-8 text that is compared, hashed and ordered by its bytes.
///
/// Every name, key and id that comes from outside the process is a `ByteString`: users, rooms, namespaces, header
/// values, JSON keys. Swift's `String` compares by Unicode canonical equivalence instead, which is wrong for ids (the
/// Kelvin sign equals the letter K) and takes quadratic time on hostile combining marks. `Tests/Lint` refuses new
/// uses of `String` as a key.
///
/// Holds a native Swift string, so that up to 15 bytes need no allocation and ``text`` costs nothing.
public struct ByteString: Hashable, Comparable, Sendable {
    /// The text as a `String`, to display it or to pass it on. Do not compare it.
    public let text: String

    /// Wraps `text`. The caller must limit its length.
    @inlinable
    public init(_ text: String) {
        var text = text
        text.makeContiguousUTF8()
        self.text = text
    }

    /// Copies `bytes`.
    ///
    /// - Returns: `nil` if there are more than `limit` bytes (checked first), or if they are not UTF-8.
    public init?(validating bytes: UnsafeRawBufferPointer, limit: Int) {
        guard bytes.count <= limit, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        self.text = text
    }

    /// Copies bytes that should be UTF-8; invalid bytes become U+FFFD.
    @inlinable
    public init(decoding bytes: some Collection<UInt8>) {
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// The UTF-8 bytes.
    @inlinable
    public var utf8: String.UTF8View { text.utf8 }

    /// The number of bytes.
    @inlinable
    public var count: Int { text.utf8.count }

    @inlinable
    public var isEmpty: Bool { text.isEmpty }

    /// Whether the first bytes are those of `prefix`.
    public func hasPrefix(_ prefix: StaticString) -> Bool {
        utf8.starts(with: UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
    }

    /// Whether it contains an ASCII control character: a byte below 0x20, or 0x7F.
    public var hasControlCharacter: Bool {
        withBytes { $0.hasControlCharacter }
    }

    /// Calls `body` with the bytes, which are valid during the call only.
    @inlinable
    @inline(__always)
    public func withBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result)
        throws(Failure) -> Result
    {
        let result = text.utf8.withContiguousStorageIfAvailable { bytes in
            Swift.Result<Result, Failure> { () throws(Failure) in try body(UnsafeRawBufferPointer(bytes)) }
        }
        // `init` made the storage contiguous.
        return try result!.get()
    }

    /// Whether `bytes` are equal to the bytes of this string.
    @inlinable
    public func isEqual(to bytes: UnsafeRawBufferPointer) -> Bool {
        guard count == bytes.count else { return false }
        return withBytes {
            guard let start = $0.baseAddress, let other = bytes.baseAddress else { return true }
            return memcmp(start, other, bytes.count) == 0
        }
    }

    /// Whether both are equal, ignoring the case of ASCII letters.
    public func isEqual(ignoringCase other: ByteString) -> Bool {
        guard count == other.count else { return false }
        func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
        return withBytes { a in other.withBytes { b in a.indices.allSatisfy { lower(a[$0]) == lower(b[$0]) } } }
    }

    @inlinable
    @inline(__always)
    public static func == (a: ByteString, b: ByteString) -> Bool {
        // Equal representations mean equal text. Most equal names are short or share an allocation, so this decides.
        let (one, other) = (
            unsafeBitCast(a.text, to: (UInt64, UInt64).self), unsafeBitCast(b.text, to: (UInt64, UInt64).self)
        )
        if one == other { return true }
        return a.count == b.count && haveEqualBytes(a.text.utf8, b.text.utf8)
    }

    /// Not inlined, to keep generic tables small. Both must have the same number of bytes.
    @inline(never)
    @usableFromInline
    static func haveEqualBytes(_ a: String.UTF8View, _ b: String.UTF8View) -> Bool {
        a.withContiguousStorageIfAvailable { a in
            b.withContiguousStorageIfAvailable { b in a.isEmpty || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0
            }
        } == true
    }

    @inlinable
    @inline(__always)
    public func hash(into hasher: inout Hasher) {
        _ = text.utf8.withContiguousStorageIfAvailable { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // A terminator, as in the standard library, so that the parts of a compound key are separated.
        hasher.combine(0xFF as UInt8)
    }

    public static func < (a: ByteString, b: ByteString) -> Bool {
        a.withBytes { a in b.withBytes { b in a.lexicographicallyPrecedes(b) } }
    }
}

extension ByteString: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, CustomStringConvertible,
    CustomDebugStringConvertible
{
    @inlinable
    public init(stringLiteral value: String) { self.init(value) }

    public var description: String { text }
    public var debugDescription: String { text.debugDescription }
}

extension UnsafeRawBufferPointer {
    /// Whether there is an ASCII control character: a byte below 0x20, or 0x7F. Checks eight bytes at a time.
    @inlinable
    public var hasControlCharacter: Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101, highs: UInt64 = 0x8080_8080_8080_8080
        var at = 0
        while at &+ 8 <= count {
            let word = loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let rest = word ^ (ones &* 0x7F)
            // The highest bit of a byte gets set if the byte is less than 0x20 or equal to 0x7F. A borrow reaches the
            // next byte only from a byte that was found.
            if ((word &- ones &* 0x20) & ~word | (rest &- ones) & ~rest) & highs != 0 { return true }
            at &+= 8
        }
        while at < count {
            let byte = self[at]
            if byte < 0x20 || byte == 0x7F { return true }
            at &+= 1
        }
        return false
    }
}
