/// Walks the members of an object, validating as it goes. The counterpart of ``JSONArrayWalker``, with the same rules.
///
/// Members come in document order, duplicates included; `JSON.parse` lets the last of equal keys win, and so must the caller.
public struct JSONObjectWalker {
    public enum Step: Hashable {
        /// The next member. `key` includes its quotes and may hold escapes: compare it with ``JSONText/isEqual(_:to:)``.
        case member(key: Range<Int>, value: Range<Int>)
        /// The object is complete; the offset is that just past its closing brace. What follows it was not looked at.
        case end(Int)
        /// The bytes are no object, or no valid one.
        case malformed
    }

    @usableFromInline var cursor: JSONContainerCursor

    /// - Parameters:
    ///   - start: offset of the opening brace, or of white space before it.
    ///   - depthLimit: levels of nesting allowed, the object itself included.
    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer, from start: Int = 0, depthLimit: Int = JSONScanner.maximumDepth) {
        cursor = JSONContainerCursor(bytes, from: start, depthLimit: depthLimit)
    }

    @inlinable
    public mutating func next() -> Step {
        switch cursor.next(opening: UInt8(ascii: "{"), closing: UInt8(ascii: "}")) {
        case .item: member() ?? .malformed
        case .end(let offset): .end(offset)
        case .malformed: .malformed
        }
    }

    @inlinable
    @inline(__always)
    mutating func member() -> Step? {
        guard cursor.at < cursor.bytes.count, cursor.bytes[cursor.at] == UInt8(ascii: "\""), let key = cursor.value(depthLimit: 0) else { return nil }
        cursor.skipWhitespace()
        guard cursor.match(UInt8(ascii: ":")) else { return nil }
        cursor.skipWhitespace()
        guard let value = cursor.value(depthLimit: cursor.depthLimit &- 1) else { return nil }
        return .member(key: key, value: value)
    }
}
