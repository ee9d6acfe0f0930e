import RawJSON
import Support

/// Signs tokens with a shared secret, for `jackfield token`; a verifier with the same secret accepts them. A signer is
/// immutable and can be used from any thread.
public struct TokenSigner: Sendable {
    private let key: HMACKey
    private let header: [UInt8]

    /// - Throws: ``TokenConfigurationError`` if a verifier would refuse the secret, or if the algorithm is not HS256,
    ///   HS384 or HS512.
    public init(secret: [UInt8], algorithm: TokenAlgorithm = .hs256) throws(TokenConfigurationError) {
        key = try HMACKey(secret: secret, algorithm: algorithm)
        var header: [UInt8] = []
        Base64.appendURL(#"{"alg":"\#(algorithm.rawValue)","typ":"JWT"}"#.utf8, to: &header)
        self.header = header
    }

    /// Returns a compact token with these claims, an object, in their order.
    ///
    /// - Throws: ``TokenConfigurationError`` only if OpenSSL cannot allocate memory.
    public func sign(_ claims: JSONValue) throws(TokenConfigurationError) -> String {
        var token = header
        token.append(UInt8(ascii: "."))
        Base64.appendURL(claims.serialized, to: &token)
        guard let signature = token.withUnsafeBytes({ key.authenticate($0) }) else {
            throw TokenConfigurationError(
                .secret, "OpenSSL could not sign: \(OpenSSLErrors.drain())",
                remedy: "try again when there is more memory")
        }
        token.append(UInt8(ascii: "."))
        Base64.appendURL(signature, to: &token)
        return String(decoding: token, as: UTF8.self)
    }
}
