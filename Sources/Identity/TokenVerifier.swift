import RawJSON
import Support

/// Verifies JSON Web Tokens in compact form (RFC 7519, RFC 7515).
///
/// The configuration determines what is accepted, including the algorithm; a token can only match it or not. The
/// signature is checked before the payload is parsed. A verifier is immutable and can be used from any thread. It does
/// no I/O and does not block, so event loops may call it: a few microseconds for HS256, up to some tens for public
/// keys.
public struct TokenVerifier: Sendable {
    public let configuration: TokenVerifierConfiguration

    private let secrets: [TokenAlgorithm: HMACKey]
    private let publicKeys: [PublicKey]
    private let userClaim: [UInt8]

    /// - Throws: ``TokenConfigurationError`` if an algorithm has no key that fits it, or a key cannot be read.
    public init(_ configuration: TokenVerifierConfiguration) throws(TokenConfigurationError) {
        guard !configuration.algorithms.isEmpty else {
            throw TokenConfigurationError(
                .algorithms, "no algorithm is accepted", remedy: "name at least one, such as HS256")
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
                        .algorithms, "\(algorithm.rawValue) needs a secret, and there is none",
                        remedy: "give secret or secretFile, or remove the algorithm")
                }
                secrets[algorithm] = try HMACKey(secret: secret, algorithm: algorithm)
            } else if !publicKeys.contains(where: { $0.fits(algorithm) }) {
                let present =
                    publicKeys.isEmpty
                    ? "there is none" : "there is \(publicKeys.map(\.summary).joined(separator: ", "))"
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

    /// The claims of `token` if its signature is valid.
    func signedClaims(of token: UnsafeRawBufferPointer) throws(TokenRefusal) -> SignedClaims {
        let token = Self.withoutScheme(token)
        guard !token.isEmpty else {
            throw TokenRefusal(.missing, "no token: send it as auth.token, or as 'Authorization: Bearer <token>'")
        }
        guard token.count <= configuration.maximumTokenLength else {
            throw TokenRefusal(
                .malformed,
                "the token has \(token.count) bytes, more than the \(configuration.maximumTokenLength) that are accepted"
            )
        }
        let parts = try CompactToken(token)
        let header = try TokenHeader(parts.header)
        guard let algorithm = header.algorithm, configuration.algorithms.contains(algorithm) else {
            let accepted = configuration.algorithms.map(\.rawValue).joined(separator: ", ")
            throw TokenRefusal(
                .algorithm, "the token is signed with '\(header.algorithmName)', accepted is \(accepted)")
        }
        // A signature that cannot be decoded is reported like a wrong one: most often the end of the token was changed.
        guard let signature = Base64.decodeURL(parts.signature),
            isSignature(signature, of: parts.signed, algorithm: algorithm, keyID: header.keyID)
        else {
            throw TokenRefusal(
                .signature, "the token's signature is not valid: it was changed, or signed with another key")
        }
        guard let payload = Base64.decodeURL(parts.payload) else {
            throw TokenRefusal(.malformed, "the token's payload is not base64url")
        }
        guard let claims = TokenClaims(payload, userClaim: userClaim) else {
            throw TokenRefusal(.malformed, "the token's payload is not a JSON object")
        }
        return SignedClaims(payload: payload, claims: claims)
    }

    private func isSignature(
        _ signature: [UInt8], of message: UnsafeRawBufferPointer, algorithm: TokenAlgorithm, keyID: ByteString?
    ) -> Bool {
        if algorithm.isSymmetric {
            return secrets[algorithm]?.isSignature(signature, of: message) ?? false
        }
        return publicKeys.contains { key in
            (keyID == nil || key.id == nil || key.id == keyID)
                && key.isSignature(signature, of: message, algorithm: algorithm)
        }
    }

    /// The token after an optional `Bearer`, without surrounding spaces.
    private static func withoutScheme(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        func trimmed(_ text: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
            var text = text.drop { $0 == 0x20 }
            while text.last == 0x20 { text.removeLast() }
            return text
        }
        var rest = trimmed(text[...])
        let scheme: StaticString = "bearer"
        let length = scheme.utf8CodeUnitCount
        let isScheme = zip(rest, UnsafeBufferPointer(start: scheme.utf8Start, count: length)).allSatisfy {
            $0 | 0x20 == $1
        }
        // The word alone is a scheme without a token. A token that begins with these letters has further characters.
        if isScheme, rest.count == length || (rest.count > length && rest[rest.startIndex + length] == 0x20) {
            rest = trimmed(rest.dropFirst(length))
        }
        return UnsafeRawBufferPointer(rebasing: rest)
    }
}

extension TokenVerifier {
    /// Checks the claims of a token whose signature is valid.
    func subject(_ signed: SignedClaims, now: Int64) throws(TokenRefusal) -> TokenSubject {
        let claims = signed.claims
        var expiresAt = try checkExpiry(claims.expiry, now: now)
        if let maximumAge = configuration.maximumAge, let end = try checkAge(claims.issuedAt, maximumAge, now: now) {
            expiresAt = min(end, expiresAt ?? .max)
        }
        try checkStart(claims.notBefore, now: now)
        try checkIssuer(claims.issuer)
        try checkAudience(claims.audiences)
        return TokenSubject(
            user: try user(claims.user), claims: signed.payload, expiresAt: expiresAt, scopes: claims.scopes)
    }

    /// Returns the time at which the token expires.
    private func checkExpiry(_ expiry: TokenClaims.Claim<Int64>, now: Int64) throws(TokenRefusal) -> Int64? {
        switch expiry {
        case .value(let expiry):
            guard isBefore(now, expiry) else {
                throw TokenRefusal(.expired, "the token expired at \(RFC3339.text(milliseconds: expiry))")
            }
            return expiry
        case .wrongType:
            throw TokenRefusal(.claims, "the token's 'exp' is not a number of seconds")
        case .absent where configuration.requiresExpiry:
            throw TokenRefusal(.claims, "the token has no 'exp': tokens that never expire are not accepted here")
        case .absent:
            return nil
        }
    }

    /// Returns the time at which the token is too old.
    private func checkAge(_ issuedAt: TokenClaims.Claim<Int64>, _ maximumAge: Int64, now: Int64) throws(TokenRefusal)
        -> Int64?
    {
        switch issuedAt {
        case .value(let issuedAt):
            // A token from the future would be accepted for longer than `maximumAge`.
            guard isReached(issuedAt, now) else {
                throw TokenRefusal(
                    .claims, "the token was issued in the future: its 'iat' is \(RFC3339.text(milliseconds: issuedAt))")
            }
            let (end, overflow) = issuedAt.addingReportingOverflow(maximumAge)
            guard overflow || isBefore(now, end) else {
                throw TokenRefusal(
                    .expired,
                    "the token was issued at \(RFC3339.text(milliseconds: issuedAt)): it is accepted for \(maximumAge / 1000) s, whatever its 'exp'"
                )
            }
            return overflow ? nil : end
        case .wrongType:
            throw TokenRefusal(.claims, "the token's 'iat' is not a number of seconds")
        case .absent:
            throw TokenRefusal(
                .claims, "the token has no 'iat': its age cannot be known, and old tokens are not accepted here")
        }
    }

    private func checkStart(_ start: TokenClaims.Claim<Int64>, now: Int64) throws(TokenRefusal) {
        switch start {
        case .value(let start):
            guard isReached(start, now) else {
                throw TokenRefusal(
                    .claims, "the token is not valid yet: its 'nbf' is \(RFC3339.text(milliseconds: start))")
            }
        case .wrongType:
            throw TokenRefusal(.claims, "the token's 'nbf' is not a number of seconds")
        case .absent:
            break
        }
    }

    /// Whether `now` is before `end` plus the leeway. True if the sum overflows.
    private func isBefore(_ now: Int64, _ end: Int64) -> Bool {
        let (last, overflow) = end.addingReportingOverflow(configuration.leeway)
        return overflow || now < last
    }

    /// Whether `now` is at or after `start` minus the leeway. True if the difference overflows.
    private func isReached(_ start: Int64, _ now: Int64) -> Bool {
        let (earliest, overflow) = start.subtractingReportingOverflow(configuration.leeway)
        return overflow || now >= earliest
    }

    private func checkIssuer(_ issuer: TokenClaims.Claim<ByteString>) throws(TokenRefusal) {
        guard !configuration.issuers.isEmpty else { return }
        switch issuer {
        case .value(let issuer) where configuration.issuers.contains(issuer): return
        case .absent: throw TokenRefusal(.claims, "the token names no issuer ('iss')")
        case .value, .wrongType:
            throw TokenRefusal(.claims, "the token's issuer ('iss') is not one that is accepted here")
        }
    }

    private func checkAudience(_ audiences: TokenClaims.Claim<[ByteString]>) throws(TokenRefusal) {
        guard !configuration.audiences.isEmpty else { return }
        switch audiences {
        case .value(let audiences) where audiences.contains(where: configuration.audiences.contains): return
        case .absent: throw TokenRefusal(.claims, "the token names no audience ('aud')")
        case .value, .wrongType: throw TokenRefusal(.claims, "the token is for another audience ('aud')")
        }
    }

    private func user(_ user: TokenClaims.Claim<ByteString>) throws(TokenRefusal) -> ByteString {
        let name = configuration.userClaim
        switch user {
        case .absent:
            throw TokenRefusal(.claims, "the token names no user: it has no '\(name)' claim")
        case .wrongType:
            throw TokenRefusal(.claims, "the token's user ('\(name)') is neither a string nor an integer")
        case .value(let user):
            if let problem = UserID.problem(user) {
                throw TokenRefusal(.claims, "the token's user ('\(name)') \(problem)")
            }
            return user
        }
    }
}

/// The result of verifying a token.
public struct TokenSubject: Sendable, Hashable {
    /// The user claim; an integer is written in decimal. Satisfies the rules of ``Support/UserID``.
    public let user: ByteString

    /// The token's payload, byte for byte as signed: one valid JSON object.
    public let claims: [UInt8]

    /// When the token expires, in milliseconds since 1970, without leeway: its `exp`, or earlier if
    /// ``TokenVerifierConfiguration/maximumAge`` is set; `nil`: never.
    public let expiresAt: Int64?

    /// The scopes in the `scope` claim, in its order: from a string separated by spaces (RFC 8693) or an array of
    /// strings. Empty without the claim.
    public let scopes: [ByteString]

    public init(user: ByteString, claims: [UInt8], expiresAt: Int64?, scopes: [ByteString]) {
        self.user = user
        self.claims = claims
        self.expiresAt = expiresAt
        self.scopes = scopes
    }

    public func hasScope(_ scope: ByteString) -> Bool {
        scopes.contains(scope)
    }
}

/// Why a token was not accepted. The code is for programs, the message for the person who must correct the error;
/// neither contains a secret.
public struct TokenRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// Clients receive it as `data.code` of a CONNECT_ERROR. The raw values never change.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// There is no token, or it is empty.
        case missing = "token_missing"
        /// It is not a compact JWS of limited size with a JSON header and payload.
        case malformed = "token_malformed"
        /// The time is past its `exp` plus the leeway, or past the maximum age.
        case expired = "token_expired"
        /// No configured key verifies the signature.
        case signature = "token_signature"
        /// A claim is missing, has a wrong type, or does not match the configuration.
        case claims = "token_claims"
        /// The configuration does not accept its algorithm.
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
