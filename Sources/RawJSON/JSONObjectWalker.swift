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

    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline let depthLimit: Int
    @usableFromInline var at: Int
    @usableFromInline var isFirst = true

    /// - Parameters:
    ///   - start: offset of the opening brace, or of white space before it.
    ///   - depthLimit: levels of nesting allowed, the object itself included.
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
            guard at < bytes.count, bytes[at] == UInt8(ascii: "{"), depthLimit > 0 else { return .malformed }
            at = JSONScanner.skipWhitespace(in: bytes, from: at &+ 1)
            if at < bytes.count, bytes[at] == UInt8(ascii: "}") { return .end(at &+ 1) }
            isFirst = false
        } else {
            guard at < bytes.count else { return .malformed }
            if bytes[at] == UInt8(ascii: "}") { return .end(at &+ 1) }
            guard bytes[at] == UInt8(ascii: ",") else { return .malformed }
            at = JSONScanner.skipWhitespace(in: bytes, from: at &+ 1)
        }
        let keyStart = at
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\""),
            let keyEnd = JSONScanner.endOfValue(in: bytes, from: keyStart, depthLimit: 0)
        else { return .malformed }
        at = JSONScanner.skipWhitespace(in: bytes, from: keyEnd)
        guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { return .malformed }
        let start = JSONScanner.skipWhitespace(in: bytes, from: at &+ 1)
        guard let end = JSONScanner.endOfValue(in: bytes, from: start, depthLimit: depthLimit &- 1) else { return .malformed }
        at = end
        return .member(key: Range(uncheckedBounds: (keyStart, keyEnd)), value: Range(uncheckedBounds: (start, end)))
    }
}
