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

    @usableFromInline var cursor: JSONContainerCursor

    /// - Parameters:
    ///   - start: offset of the opening bracket, or of white space before it.
    ///   - depthLimit: levels of nesting allowed, the array itself included.
    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer, from start: Int = 0, depthLimit: Int = JSONScanner.maximumDepth) {
        cursor = JSONContainerCursor(bytes, from: start, depthLimit: depthLimit)
    }

    @inlinable
    public mutating func next() -> Step {
        switch cursor.next(opening: UInt8(ascii: "["), closing: UInt8(ascii: "]")) {
        case .item: cursor.value(depthLimit: cursor.depthLimit &- 1).map(Step.element) ?? .malformed
        case .end(let offset): .end(offset)
        case .malformed: .malformed
        }
    }
}
