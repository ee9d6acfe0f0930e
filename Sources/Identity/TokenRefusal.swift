/// Why a token was not accepted. The code is for programs, the message for the person who must mend it; neither holds a secret.
public struct TokenRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// What clients see as `data.code` of a CONNECT_ERROR. The raw values never change.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// There is no token, or an empty one.
        case missing = "token_missing"
        /// It is no compact JWS of bounded size with a JSON header and payload.
        case malformed = "token_malformed"
        /// Past its `exp` plus the leeway.
        case expired = "token_expired"
        /// The signature is not that of the configured key.
        case signature = "token_signature"
        /// A claim is missing, of a wrong type, or not what the configuration asks for.
        case claims = "token_claims"
        /// Its algorithm is not one that the configuration accepts.
        case algorithm = "token_algorithm"
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
