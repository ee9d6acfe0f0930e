import RawJSON
import Support

/// Verifies JSON Web Tokens in compact form (RFC 7519, RFC 7515).
///
/// What is accepted, algorithm included, is fixed by the configuration; a token can only fail to match it. The signature is checked before
/// the payload is looked at. A verifier is immutable and can be used from any thread; it does no I/O and waits for nothing, so an event loop
/// may call it: a few microseconds for HS256, up to some tens for public keys.
public struct TokenVerifier: Sendable {
    public let configuration: TokenVerifierConfiguration

    private let secrets: [TokenAlgorithm: HMACKey]
    private let publicKeys: [PublicKey]
    private let userClaim: [UInt8]

    /// - Throws: ``TokenConfigurationError`` if an algorithm has no key that fits it, or a key cannot be read.
    public init(_ configuration: TokenVerifierConfiguration) throws(TokenConfigurationError) {
        guard !configuration.algorithms.isEmpty else {
            throw TokenConfigurationError(.algorithms, "no algorithm is accepted", remedy: "name at least one, such as HS256")
        }
        guard !configuration.userClaim.isEmpty else {
            throw TokenConfigurationError(.userClaim, "the user claim has no name", remedy: "the usual one is 'sub'")
        }

        var publicKeys: [PublicKey] = []
        if let pem = configuration.publicKey { publicKeys.append(try PublicKey(pem: pem)) }
        if let keySet = configuration.keySet { publicKeys += try JSONWebKeySet.publicKeys(in: keySet) }

        var secrets: [TokenAlgorithm: HMACKey] = [:]
        for algorithm in configuration.algorithms {
            if algorithm.isSymmetric {
                guard let secret = configuration.secret else {
                    throw TokenConfigurationError(
                        .algorithms, "\(algorithm.rawValue) needs a secret, and there is none", remedy: "give secret or secretFile, or remove the algorithm")
                }
                secrets[algorithm] = try HMACKey(secret: secret, algorithm: algorithm)
            } else if !publicKeys.contains(where: { $0.fits(algorithm) }) {
                let present = publicKeys.isEmpty ? "there is none" : "there is \(publicKeys.map(\.summary).joined(separator: ", "))"
                throw TokenConfigurationError(
                    .algorithms, "\(algorithm.rawValue) needs a public key that fits it, and \(present)",
                    remedy: "give one as publicKey or jwks, or name the algorithm that the tokens are signed with")
            }
        }
        self.configuration = configuration
        self.secrets = secrets
        self.publicKeys = publicKeys
        self.userClaim = Array(configuration.userClaim.utf8)
    }

    /// Verifies `token`, with or without `Bearer ` before it (any case).
    ///
    /// - Parameter now: milliseconds since 1970.
    public func verify(_ token: String, now: Int64) throws(TokenRefusal) -> TokenSubject {
        var token = token
        let result = token.withUTF8 { bytes in
            Result { () throws(TokenRefusal) in try verify(UnsafeRawBufferPointer(bytes), now: now) }
        }
        return try result.get()
    }

    /// Verifies `token`, with or without `Bearer ` before it (any case).
    ///
    /// - Parameter now: milliseconds since 1970.
    public func verify(_ token: UnsafeRawBufferPointer, now: Int64) throws(TokenRefusal) -> TokenSubject {
        try subject(signedClaims(of: token), now: now)
    }

    /// What `token` claims, if it is signed.
    func signedClaims(of token: UnsafeRawBufferPointer) throws(TokenRefusal) -> SignedClaims {
        let token = Self.withoutScheme(token)
        guard !token.isEmpty else { throw TokenRefusal(.missing, "no token: send it as auth.token, or as 'Authorization: Bearer <token>'") }
        guard token.count <= configuration.maximumTokenLength else {
            throw TokenRefusal(.malformed, "the token has \(token.count) bytes, more than the \(configuration.maximumTokenLength) that are looked at")
        }
        let parts = try CompactToken(token)
        let header = try TokenHeader(parts.header)
        guard let algorithm = header.algorithm, configuration.algorithms.contains(algorithm) else {
            let accepted = configuration.algorithms.map(\.rawValue).joined(separator: ", ")
            throw TokenRefusal(.algorithm, "the token is signed with '\(header.algorithmName)', accepted is \(accepted)")
        }
        // One that cannot even be decoded is no better and no worse than a wrong one: most often it is a token changed at its end.
        guard let signature = Base64.decodeURL(parts.signature),
            isSignature(signature, of: parts.signed, algorithm: algorithm, keyID: header.keyID)
        else {
            throw TokenRefusal(.signature, "the token's signature is not valid: it was changed, or signed with another key")
        }
        guard let payload = Base64.decodeURL(parts.payload) else {
            throw TokenRefusal(.malformed, "the token's payload is not base64url")
        }
        guard let claims = TokenClaims(payload, userClaim: userClaim) else {
            throw TokenRefusal(.malformed, "the token's payload is not a JSON object")
        }
        return SignedClaims(payload: payload, claims: claims)
    }

    private func isSignature(_ signature: [UInt8], of message: UnsafeRawBufferPointer, algorithm: TokenAlgorithm, keyID: ByteString?) -> Bool {
        if algorithm.isSymmetric {
            return secrets[algorithm]?.isSignature(signature, of: message) ?? false
        }
        return publicKeys.contains { key in
            (keyID == nil || key.id == nil || key.id == keyID) && key.isSignature(signature, of: message, algorithm: algorithm)
        }
    }

    /// What follows `Bearer`, and never the spaces around it.
    private static func withoutScheme(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        func trimmed(_ text: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
            var text = text.drop { $0 == 0x20 }
            while text.last == 0x20 { text.removeLast() }
            return text
        }
        var rest = trimmed(text[...])
        let scheme: StaticString = "bearer"
        let length = scheme.utf8CodeUnitCount
        let isScheme = zip(rest, UnsafeBufferPointer(start: scheme.utf8Start, count: length)).allSatisfy { $0 | 0x20 == $1 }
        // The bare word is a scheme without a token. A token that begins with these letters goes on with others.
        if isScheme, rest.count == length || (rest.count > length && rest[rest.startIndex + length] == 0x20) {
            rest = trimmed(rest.dropFirst(length))
        }
        return UnsafeRawBufferPointer(rebasing: rest)
    }
}
