import JackfieldPlugin

/// How long a text may be. Lengths count Unicode scalars, as databases do.
public struct TextRule: Sendable {
    private let lengths: ClosedRange<Int>

    public init(_ lengths: ClosedRange<Int>) { self.lengths = lengths }

    /// Throws 400 with the member's name.
    public func check(_ text: String, _ name: String) throws(Problem) {
        // All bytes of a scalar but the first begin with the bits 10.
        var length = 0, hasNUL = false
        for byte in text.utf8 {
            if byte & 0xC0 != 0x80 { length += 1 }
            if byte == 0 { hasNUL = true }
        }
        guard lengths.contains(length) else {
            throw .invalid("\(name) must have \(lengths.lowerBound) to \(lengths.upperBound) characters; it has \(length)")
        }
        // SQLite's text functions end at a NUL.
        if hasNUL { throw .invalid("\(name) must not contain the character U+0000") }
    }
}
