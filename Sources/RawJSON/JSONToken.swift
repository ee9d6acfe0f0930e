/// Where a value stands in its document, and what it is. A token owns nothing: it is only as good as the bytes it was read from.
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
