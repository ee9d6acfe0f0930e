import JackfieldPlugin

/// How long a text may be. Lengths count Unicode scalars, as databases do.
public struct TextRule: Sendable {
    private let lengths: ClosedRange<Int>

    public init(_ lengths: ClosedRange<Int>) { self.lengths = lengths }

    /// Throws 400 with the member's name.
    public func check(_ text: String, _ name: String) throws(Problem) {
        let length = text.unicodeScalars.count
        guard lengths.contains(length) else {
            throw .invalid("\(name) must have \(lengths.lowerBound) to \(lengths.upperBound) characters; it has \(length)")
        }
        // SQLite's text functions end at a NUL.
        if text.utf8.contains(0) { throw .invalid("\(name) must not contain the character U+0000") }
    }
}
