/// Why a text is not a signature: `column 5: expected a type, found 'float64'; did you mean 'f64'?`.
public struct SignatureError: Error, Sendable, Hashable {
    /// Where ``found`` begins: a position in bytes, from 1.
    public let column: Int

    /// What is allowed there.
    public let expected: String

    /// What is there; at most 64 bytes of the text.
    public let found: String

    /// The word that was probably meant.
    public let suggestion: String?

    init(column: Int, expected: String, found: String, suggestion: String? = nil) {
        self.column = column
        self.expected = expected
        self.found = found
        self.suggestion = suggestion
    }
}

extension SignatureError: CustomStringConvertible {
    public var description: String {
        "column \(column): expected \(expected), found \(found)"
            + (suggestion.map { "; did you mean '\($0)'?" } ?? "")
    }
}
