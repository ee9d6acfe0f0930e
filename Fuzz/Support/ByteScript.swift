/// Reads a fuzzer's input as a script of actions. Every byte string is a valid script, and a small change of the bytes
/// changes the actions a little.
public struct ByteScript {
    private var rest: UnsafeRawBufferPointer

    public init(_ bytes: UnsafeRawBufferPointer) {
        rest = bytes
    }

    public var isAtEnd: Bool { rest.isEmpty }

    /// The next byte; 0 past the end.
    public mutating func byte() -> UInt8 {
        guard let first = rest.first else { return 0 }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
        return first
    }

    /// A number below `limit`, which is at most 256.
    public mutating func number(below limit: Int) -> Int {
        Int(byte()) % limit
    }

    public mutating func bool() -> Bool {
        byte() & 1 == 1
    }

    /// Reads a byte with a count, then that number of bytes, or fewer at the end.
    public mutating func bytes() -> [UInt8] {
        let count = Int(byte())
        defer { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count)) }
        return Array(rest.prefix(count))
    }

    /// Reads the bytes up to the next `separator`, and the separator; or up to the end.
    public mutating func bytes(upTo separator: UInt8) -> [UInt8] {
        let part = rest.prefix { $0 != separator }
        defer { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count + 1)) }
        return Array(part)
    }

    /// Reads all bytes that are left.
    public mutating func remainder() -> [UInt8] {
        defer { rest = UnsafeRawBufferPointer(start: nil, count: 0) }
        return Array(rest)
    }
}
