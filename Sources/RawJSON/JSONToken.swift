/// The range of a value in its document, and its kind. It owns nothing: it is valid as long as the document's bytes.
public struct JSONToken: Sendable, Hashable {
    /// The offsets of the value, without surrounding white space. A string's range includes its quotes.
    public let range: Range<Int>

    public let kind: JSONKind

    @inlinable
    public init(range: Range<Int>, kind: JSONKind) {
        self.range = range
        self.kind = kind
    }
}

/// The six kinds of JSON values, distinguished by their first byte.
public enum JSONKind: UInt8, Sendable, Hashable, CaseIterable {
    case null
    case bool
    case number
    case string
    case array
    case object

    /// The kind of a valid value that begins with `byte`; `nil` if no value can.
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
