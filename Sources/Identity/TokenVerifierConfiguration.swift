import Support

/// What a ``TokenVerifier`` accepts. Keys are passed as bytes; the caller reads them from files or the environment.
public struct TokenVerifierConfiguration: Sendable {
    /// The accepted algorithms. The token's header can only select one of these.
    public var algorithms: [TokenAlgorithm] = [.hs256]

    /// The shared secret of HS256, HS384 and HS512.
    public var secret: [UInt8]?

    /// A PEM document with a public key (`BEGIN PUBLIC KEY`) or a certificate, for the other algorithms.
    public var publicKey: [UInt8]?

    /// A JSON Web Key Set (RFC 7517). The token's `kid` selects a key; for a token without `kid`, all keys that fit its
    /// algorithm are tried. Keys for encryption and keys of unsupported types are ignored; a symmetric key is an error.
    public var keySet: [UInt8]?

    /// Accepted values of `iss`; empty: `iss` is not checked.
    public var issuers: [ByteString] = []

    /// Accepted values of `aud`, of which a token must have at least one; empty: `aud` is not checked.
    public var audiences: [ByteString] = []

    /// Tolerated clock difference in milliseconds: added to `exp` and to the end of ``maximumAge``, subtracted from
    /// `nbf` and `iat`.
    public var leeway: Int64 = 5000

    /// The name of the claim that identifies the user; its value is a string or an integer.
    public var userClaim = "sub"

    /// Whether a token without `exp` is refused. If not, such a token is valid for ever, also for a person who stole
    /// it.
    public var requiresExpiry = true

    /// How long after its `iat` a token is accepted, in milliseconds; a token without `iat` is then refused. `nil`:
    /// only `exp` limits it.
    public var maximumAge: Int64?

    /// The longest token that is accepted, in bytes. HTTP servers commonly accept 8192 bytes in one header field, which
    /// carries the same tokens.
    public var maximumTokenLength = 8192

    public init() {}
}

/// Why a configuration does not give a verifier or signer.
public struct TokenConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The setting with the error.
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
