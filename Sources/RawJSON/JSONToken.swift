/// Where a value stands in its document, and what it is. A token owns nothing: it is only as good as
/// the bytes it was read from.
public struct JSONToken: Sendable, Hashable {
    /// Offsets of the value's own bytes, without white space around it. A string's range includes its quotes.
    public let range: Range<Int>

    public let kind: JSONKind

    @inlinable
    public init(range: Range<Int>, kind: JSONKind) {
        self.range = range
        self.kind = kind
    }
}

/// The six kinds of JSON value, told apart by a value's first byte.
public enum JSONKind: UInt8, Sendable, Hashable, CaseIterable {
    case null
    case bool
    case number
    case string
    case array
    case object

    /// The kind of the valid value that begins with `byte`; `nil` if no value begins so.
    @inlinable
    public init?(firstByte byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): self = .string
        case UInt8(ascii: "{"): self = .object
        case UInt8(ascii: "["): self = .array
        case UInt8(ascii: "t"), UInt8(ascii: "f"): self = .bool
        case UInt8(ascii: "n"): self = .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): self = .number
        default: return nil
        }
    }
}
