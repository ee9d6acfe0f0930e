/// Why no verifier or signer can be made of a configuration.
public struct TokenConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
