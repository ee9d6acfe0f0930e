/// Walks the elements of an array, validating as it goes: the one scan of an event such as `["message",{"body":"hi"}]`.
///
/// ```swift
/// var walker = JSONArrayWalker(bytes, from: 0)
/// walk: while true {
///     switch walker.next() {
///     case .element(let range): …        // offsets into `bytes`
///     case .end(let offset): break walk  // just past the closing bracket
///     case .malformed: return nil
///     }
/// }
/// ```
///
/// It allocates nothing and borrows `bytes`, which must outlive it. After ``Step/end(_:)`` or ``Step/malformed`` it must not be asked again.
public struct JSONArrayWalker {
    public enum Step: Hashable {
        /// The next element, without white space around it.
        case element(Range<Int>)
        /// The array is complete; the offset is that just past its closing bracket. What follows it was not looked at.
        case end(Int)
        /// The bytes are no array, or no valid one.
        case malformed
    }

    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline let depthLimit: Int
    @usableFromInline var at: Int
    @usableFromInline var isFirst = true

    /// - Parameters:
    ///   - start: offset of the opening bracket, or of white space before it.
    ///   - depthLimit: levels of nesting allowed, the array itself included.
    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer, from start: Int = 0, depthLimit: Int = JSONScanner.maximumDepth) {
        self.bytes = bytes
        self.at = start
        self.depthLimit = min(depthLimit, JSONScanner.maximumDepth)
    }

    @inlinable
    public mutating func next() -> Step {
        at = JSONScanner.skipWhitespace(in: bytes, from: at)
        if isFirst {
            guard at < bytes.count, bytes[at] == UInt8(ascii: "["), depthLimit > 0 else { return .malformed }
            at = JSONScanner.skipWhitespace(in: bytes, from: at &+ 1)
            if at < bytes.count, bytes[at] == UInt8(ascii: "]") { return .end(at &+ 1) }
            isFirst = false
        } else {
            guard at < bytes.count else { return .malformed }
            if bytes[at] == UInt8(ascii: "]") { return .end(at &+ 1) }
            guard bytes[at] == UInt8(ascii: ",") else { return .malformed }
            at = JSONScanner.skipWhitespace(in: bytes, from: at &+ 1)
        }
        let start = at
        guard let end = JSONScanner.endOfValue(in: bytes, from: start, depthLimit: depthLimit &- 1) else { return .malformed }
        at = end
        return .element(Range(uncheckedBounds: (start, end)))
    }
}
