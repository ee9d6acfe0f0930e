import JackfieldPlugin

/// A rule for text from clients. Lengths count Unicode scalars, as databases do.
public struct TextRule: Sendable {
    private let lengths: ClosedRange<Int>
    private let isLine: Bool

    public init(_ lengths: ClosedRange<Int>) { self.init(lengths, isLine: false) }

    /// Text without control characters.
    public static func line(_ lengths: ClosedRange<Int>) -> TextRule { TextRule(lengths, isLine: true) }

    private init(_ lengths: ClosedRange<Int>, isLine: Bool) {
        self.lengths = lengths
        self.isLine = isLine
    }

    /// Throws 400 that names the member.
    public func check(_ text: String, _ name: String) throws(Problem) {
        // In UTF-8, all bytes of a scalar except the first begin with the bits 10.
        var length = 0, hasNUL = false, hasControl = false
        for byte in text.utf8 {
            if byte & 0xC0 != 0x80 { length += 1 }
            if byte < 0x20 || byte == 0x7F { hasControl = true }
            if byte == 0 { hasNUL = true }
        }
        guard lengths.contains(length) else {
            throw .invalid(
                "\(name) must have \(lengths.lowerBound) to \(lengths.upperBound) characters; it has \(length)")
        }
        if isLine, hasControl { throw .invalid("\(name) must not contain control characters") }
        // SQLite's text functions end at a NUL.
        if hasNUL { throw .invalid("\(name) must not contain the character U+0000") }
    }
}
