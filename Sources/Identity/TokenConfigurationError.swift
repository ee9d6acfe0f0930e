/// Why no verifier or signer can be made of a configuration.
public struct TokenConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The setting that is at fault.
    public enum Setting: Sendable, Hashable {
        case algorithms, secret, publicKey, keySet, userClaim
    }

    public let setting: Setting
    /// What is wrong: a clause without a full stop.
    public let description: String
    /// What to do about it: a clause without a full stop.
    public let remedy: String

    init(_ setting: Setting, _ description: String, remedy: String) {
        self.setting = setting
        self.description = description
        self.remedy = remedy
    }
}
