import Support

/// What a ``TokenVerifier`` accepts. Keys come as bytes; reading them from files or the environment is the caller's.
public struct TokenVerifierConfiguration: Sendable {
    /// Exactly what is accepted. What the token says of itself only chooses among these.
    public var algorithms: [TokenAlgorithm] = [.hs256]

    /// The shared secret of HS256, HS384 and HS512.
    public var secret: [UInt8]?

    /// A PEM file with a public key (`BEGIN PUBLIC KEY`) or a certificate, for the other algorithms.
    public var publicKey: [UInt8]?

    /// A JSON Web Key Set (RFC 7517). Its keys are chosen by the token's `kid`; a token without one tries all that fit
    /// its algorithm. Keys for encryption, symmetric ones and those of types not supported here are passed over.
    public var keySet: [UInt8]?

    /// Values of `iss` of which a token must have one; empty: not looked at.
    public var issuers: [ByteString] = []

    /// Values of which a token's `aud` must be or contain one; empty: not looked at.
    public var audiences: [ByteString] = []

    /// How far clocks may differ, in milliseconds: added to `exp` and to `iat` with ``maximumAge``, taken off `nbf`.
    public var leeway: Int64 = 5000

    /// The claim that names the user; a string or an integer.
    public var userClaim = "sub"

    /// Whether a token without `exp` is refused. Where it is not, such a token is good for ever, and
    /// whoever has found one keeps it.
    public var requiresExpiry = true

    /// How long after its `iat` a token is still accepted, in milliseconds; a token without `iat` is then refused.
    /// `nil`: its `exp` alone counts.
    public var maximumAge: Int64?

    /// Longest token looked at, in bytes. 8192 is what HTTP servers commonly take in one header field,
    /// where the same tokens travel.
    public var maximumTokenLength = 8192

    public init() {}
}

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
