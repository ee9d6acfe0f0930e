/// What a ``TokenVerifier`` accepts. Keys come as bytes; reading them from files or the environment is the caller's.
public struct TokenVerifierConfiguration: Sendable {
    /// Exactly what is accepted. What the token says of itself only chooses among these.
    public var algorithms: [TokenAlgorithm] = [.hs256]

    /// The shared secret of HS256, HS384 and HS512.
    public var secret: [UInt8]?

    /// A PEM file with a public key (`BEGIN PUBLIC KEY`) or a certificate, for the other algorithms.
    public var publicKey: [UInt8]?

    /// A JSON Web Key Set (RFC 7517). Its keys are chosen by the token's `kid`; a token without one tries all that fit its algorithm.
    /// Keys for encryption, symmetric ones and those of types not supported here are passed over.
    public var keySet: [UInt8]?

    /// Values of `iss` of which a token must have one; empty: not looked at.
    public var issuers: [String] = []

    /// Values of which a token's `aud` must be or contain one; empty: not looked at.
    public var audiences: [String] = []

    /// How far clocks may differ, in milliseconds: added to `exp`, taken off `nbf`.
    public var leeway: Int64 = 5000

    /// The claim that names the user; a string or an integer.
    public var userClaim = "sub"

    /// Whether a token without `exp` is refused. RFC 7519 makes it optional and so do the libraries that sign people's tokens today, so it is
    /// accepted by default: its sockets then live until they close.
    public var requiresExpiry = false

    /// Longest token looked at, in bytes. 8192 is what HTTP servers commonly take in one header field, where the same tokens travel.
    public var maximumTokenLength = 8192

    /// Longest user claim accepted, in bytes of UTF-8. Every room, log line and presence entry of the user carries it.
    public var maximumUserLength = 256

    public init() {}
}
