extension TokenVerifier {
    /// Judges the claims of a token whose signature is valid.
    func identity(_ signed: SignedClaims, now: Int64) throws(TokenRefusal) -> UserIdentity {
        let claims = signed.claims
        let expiresAt = try checkTime(claims, now: now)
        try checkIssuer(claims.issuer)
        try checkAudience(claims.audiences)
        return UserIdentity(user: try user(claims.user), claims: signed.payload, expiresAt: expiresAt, scopes: claims.scopes)
    }

    /// Returns when the token expires.
    private func checkTime(_ claims: TokenClaims, now: Int64) throws(TokenRefusal) -> Int64? {
        var expiresAt: Int64?
        switch claims.expiry {
        case .value(let expiry):
            // Saturating: an expiry at the end of time stays there.
            let (end, overflow) = expiry.addingReportingOverflow(configuration.leeway)
            guard overflow || now < end else {
                throw TokenRefusal(.expired, "the token expired \(Self.duration(from: expiry, to: now)) ago")
            }
            expiresAt = expiry
        case .wrongType:
            throw TokenRefusal(.claims, "the token's 'exp' is not a number of seconds")
        case .absent where configuration.requiresExpiry:
            throw TokenRefusal(.claims, "the token has no 'exp': tokens that never expire are not accepted here")
        case .absent:
            break
        }
        switch claims.notBefore {
        case .value(let start):
            let (earliest, overflow) = start.subtractingReportingOverflow(configuration.leeway)
            guard overflow || now >= earliest else {
                throw TokenRefusal(.claims, "the token is not valid yet: its 'nbf' is \(Self.duration(from: now, to: start)) ahead")
            }
        case .wrongType:
            throw TokenRefusal(.claims, "the token's 'nbf' is not a number of seconds")
        case .absent:
            break
        }
        return expiresAt
    }

    private func checkIssuer(_ issuer: TokenClaims.Claim<String>) throws(TokenRefusal) {
        guard !configuration.issuers.isEmpty else { return }
        switch issuer {
        case .value(let issuer) where configuration.issuers.contains(issuer): return
        case .absent: throw TokenRefusal(.claims, "the token names no issuer ('iss')")
        case .value, .wrongType: throw TokenRefusal(.claims, "the token's issuer ('iss') is not one that is accepted here")
        }
    }

    private func checkAudience(_ audiences: TokenClaims.Claim<[String]>) throws(TokenRefusal) {
        guard !configuration.audiences.isEmpty else { return }
        switch audiences {
        case .value(let audiences) where audiences.contains(where: configuration.audiences.contains): return
        case .absent: throw TokenRefusal(.claims, "the token names no audience ('aud')")
        case .value, .wrongType: throw TokenRefusal(.claims, "the token is for another audience ('aud')")
        }
    }

    private func user(_ user: TokenClaims.Claim<String>) throws(TokenRefusal) -> String {
        let name = configuration.userClaim
        switch user {
        case .absent:
            throw TokenRefusal(.claims, "the token names no user: it has no '\(name)' claim")
        case .wrongType:
            throw TokenRefusal(.claims, "the token's user ('\(name)') is neither a string nor an integer")
        case .value(let user):
            guard !user.isEmpty else { throw TokenRefusal(.claims, "the token's user ('\(name)') is empty") }
            guard user.utf8.count <= configuration.maximumUserLength else {
                throw TokenRefusal(
                    .claims, "the token's user ('\(name)') has \(user.utf8.count) bytes, more than the \(configuration.maximumUserLength) allowed")
            }
            return user
        }
    }

    /// A span of time in whole seconds, for messages.
    private static func duration(from start: Int64, to end: Int64) -> String {
        let (span, overflow) = end.subtractingReportingOverflow(start)
        return overflow ? "ages" : "\(span / 1000) s"
    }
}
