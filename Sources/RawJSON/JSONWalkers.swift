/// Iterates over the elements of an array and validates them: the only scan of an event such as
/// `["message",{"body":"hi"}]`.
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
/// It allocates nothing and borrows `bytes`, which must outlive it. Do not call ``next()`` again after ``Step/end(_:)``
/// or ``Step/malformed``.
public struct JSONArrayWalker {
    public enum Step: Hashable {
        /// The next element, without surrounding white space.
        case element(Range<Int>)
        /// The end of the array, with the offset just past its closing bracket. Bytes behind it are not read.
        case end(Int)
        /// The bytes are not a valid array.
        case malformed
    }

    @usableFromInline var cursor: JSONContainerCursor

    /// - Parameters:
    ///   - start: offset of the opening bracket, or of white space before it.
    ///   - depthLimit: the allowed levels of nesting, including the array itself.
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

/// Iterates over the members of an object and validates them. The counterpart of ``JSONArrayWalker``, with the same
/// rules.
///
/// Members come in document order, including duplicates. The caller must use the last of equal keys, as `JSON.parse`
/// does.
public struct JSONObjectWalker {
    public enum Step: Hashable {
        /// The next member. `key` includes its quotes and may hold escapes: compare it with
        /// ``JSONText/isEqual(_:to:)``.
        case member(key: Range<Int>, value: Range<Int>)
        /// The end of the object, with the offset just past its closing brace. Bytes behind it are not read.
        case end(Int)
        /// The bytes are not a valid object.
        case malformed
    }

    @usableFromInline var cursor: JSONContainerCursor

    /// - Parameters:
    ///   - start: offset of the opening brace, or of white space before it.
    ///   - depthLimit: the allowed levels of nesting, including the object itself.
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
        guard cursor.at < cursor.bytes.count, cursor.bytes[cursor.at] == UInt8(ascii: "\""),
            let key = cursor.value(depthLimit: 0)
        else { return nil }
        cursor.skipWhitespace()
        guard cursor.match(UInt8(ascii: ":")) else { return nil }
        cursor.skipWhitespace()
        guard let value = cursor.value(depthLimit: cursor.depthLimit &- 1) else { return nil }
        return .member(key: key, value: value)
    }
}

/// The position in an array or object. Scans the brackets, commas and white space that both have in common.
@usableFromInline
struct JSONContainerCursor {
    @usableFromInline
    enum Step {
        /// Another element or member begins at the cursor.
        case item
        case end(Int)
        case malformed
    }

    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline let depthLimit: Int
    @usableFromInline var at: Int
    @usableFromInline var isFirst = true

    @inlinable
    init(_ bytes: UnsafeRawBufferPointer, from start: Int, depthLimit: Int) {
        self.bytes = bytes
        self.at = start
        self.depthLimit = min(depthLimit, JSONScanner.maximumDepth)
    }

    /// Moves to the next item, past the opening bracket or a comma.
    @inlinable
    @inline(__always)
    mutating func next(opening: UInt8, closing: UInt8) -> Step {
        skipWhitespace()
        if isFirst {
            guard depthLimit > 0, match(opening) else { return .malformed }
            skipWhitespace()
            if match(closing) { return .end(at) }
            isFirst = false
        } else {
            if match(closing) { return .end(at) }
            guard match(UInt8(ascii: ",")) else { return .malformed }
            skipWhitespace()
        }
        return .item
    }

    /// Moves past the value at the cursor; nil if there is no valid one.
    @inlinable
    @inline(__always)
    mutating func value(depthLimit: Int) -> Range<Int>? {
        let start = at
        guard let end = JSONScanner.endOfValue(in: bytes, from: start, depthLimit: depthLimit) else { return nil }
        at = end
        return Range(uncheckedBounds: (start, end))
    }

    @inlinable
    @inline(__always)
    mutating func match(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at &+= 1
        return true
    }

    @inlinable
    @inline(__always)
    mutating func skipWhitespace() {
        at = JSONScanner.skipWhitespace(in: bytes, from: at)
    }
}
