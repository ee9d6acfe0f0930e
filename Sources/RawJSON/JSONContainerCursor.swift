/// Where a walk through an array or an object stands: the brackets, commas and white space that both have in common.
@usableFromInline
struct JSONContainerCursor {
    @usableFromInline
    enum Step {
        /// Another element or member begins where the cursor stands.
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

    /// Goes to the next item, over the opening bracket or the comma before it.
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

    /// Goes over the value that begins here; nil if there is no valid one.
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
