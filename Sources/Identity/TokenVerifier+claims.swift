import Support

extension TokenVerifier {
    /// Judges the claims of a token whose signature is valid.
    func subject(_ signed: SignedClaims, now: Int64) throws(TokenRefusal) -> TokenSubject {
        let claims = signed.claims
        var expiresAt = try checkExpiry(claims.expiry, now: now)
        if let maximumAge = configuration.maximumAge, let end = try checkAge(claims.issuedAt, maximumAge, now: now) {
            expiresAt = min(end, expiresAt ?? .max)
        }
        try checkStart(claims.notBefore, now: now)
        try checkIssuer(claims.issuer)
        try checkAudience(claims.audiences)
        return TokenSubject(user: try user(claims.user), claims: signed.payload, expiresAt: expiresAt, scopes: claims.scopes)
    }

    /// Returns when the token expires.
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

    /// Returns when the token is too old.
    private func checkAge(_ issuedAt: TokenClaims.Claim<Int64>, _ maximumAge: Int64, now: Int64) throws(TokenRefusal) -> Int64? {
        switch issuedAt {
        case .value(let issuedAt):
            // From the future it would be young for longer than the age that is allowed.
            guard isReached(issuedAt, now) else {
                throw TokenRefusal(.claims, "the token was issued in the future: its 'iat' is \(RFC3339.text(milliseconds: issuedAt))")
            }
            let (end, overflow) = issuedAt.addingReportingOverflow(maximumAge)
            guard overflow || isBefore(now, end) else {
                throw TokenRefusal(
                    .expired, "the token was issued at \(RFC3339.text(milliseconds: issuedAt)): it is accepted for \(maximumAge / 1000) s, whatever its 'exp'")
            }
            return overflow ? nil : end
        case .wrongType:
            throw TokenRefusal(.claims, "the token's 'iat' is not a number of seconds")
        case .absent:
            throw TokenRefusal(.claims, "the token has no 'iat': its age cannot be known, and old tokens are not accepted here")
        }
    }

    private func checkStart(_ start: TokenClaims.Claim<Int64>, now: Int64) throws(TokenRefusal) {
        switch start {
        case .value(let start):
            guard isReached(start, now) else {
                throw TokenRefusal(.claims, "the token is not valid yet: its 'nbf' is \(RFC3339.text(milliseconds: start))")
            }
        case .wrongType:
            throw TokenRefusal(.claims, "the token's 'nbf' is not a number of seconds")
        case .absent:
            break
        }
    }

    /// Whether `now` lies before `end` plus the leeway. Saturating: an end at the end of time stays there.
    private func isBefore(_ now: Int64, _ end: Int64) -> Bool {
        let (last, overflow) = end.addingReportingOverflow(configuration.leeway)
        return overflow || now < last
    }

    /// Whether `now` has come to `start` less the leeway.
    private func isReached(_ start: Int64, _ now: Int64) -> Bool {
        let (earliest, overflow) = start.subtractingReportingOverflow(configuration.leeway)
        return overflow || now >= earliest
    }

    private func checkIssuer(_ issuer: TokenClaims.Claim<ByteString>) throws(TokenRefusal) {
        guard !configuration.issuers.isEmpty else { return }
        switch issuer {
        case .value(let issuer) where configuration.issuers.contains(issuer): return
        case .absent: throw TokenRefusal(.claims, "the token names no issuer ('iss')")
        case .value, .wrongType: throw TokenRefusal(.claims, "the token's issuer ('iss') is not one that is accepted here")
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
            if let problem = UserID.problem(user) { throw TokenRefusal(.claims, "the token's user ('\(name)') \(problem)") }
            return user
        }
    }
}
