import RawJSON
import Support
import Testing

@testable import Identity

@Suite("Token verifier")
struct TokenVerifierTests {
    static let now: Int64 = 1_700_000_000_000

    private func verifier(_ change: (inout TokenVerifierConfiguration) -> Void = { _ in }) throws -> TokenVerifier {
        var configuration = TokenVerifierConfiguration()
        configuration.secret = Array(Fixtures.secret.utf8)
        // Most tests do not test expiry.
        configuration.requiresExpiry = false
        change(&configuration)
        return try TokenVerifier(configuration)
    }

    private func token(_ claims: JSONValue, algorithm: TokenAlgorithm = .hs256, secret: String = Fixtures.secret) throws
        -> String
    {
        try TokenSigner(secret: Array(secret.utf8), algorithm: algorithm).sign(claims)
    }

    /// A token with an arbitrary header and a valid HS256 signature.
    private func token(header: String, payload: String) throws -> String {
        var text: [UInt8] = []
        Base64.appendURL(header.utf8, to: &text)
        text.append(UInt8(ascii: "."))
        Base64.appendURL(payload.utf8, to: &text)
        let key = try HMACKey(secret: Array(Fixtures.secret.utf8), algorithm: .hs256)
        let signature = text.withUnsafeBytes { key.authenticate($0) } ?? []
        text.append(UInt8(ascii: "."))
        Base64.appendURL(signature, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func refusal(_ verifier: TokenVerifier, _ token: String, now: Int64 = now) -> TokenRefusal? {
        do throws(TokenRefusal) {
            _ = try verifier.verify(token, now: now)
            return nil
        } catch {
            return error
        }
    }

    // MARK: Accepted

    @Test("the example of RFC 7515, appendix A.1, is verified with its key")
    func rfcExample() throws {
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
        let token =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        let verifier = try verifier {
            $0.secret = Array(key.utf8).withUnsafeBytes { Base64.decodeURL($0) }
            $0.userClaim = "iss"
        }
        let identity = try verifier.verify(token, now: 1_300_819_000_000)
        #expect(identity.user == "joe")
        #expect(identity.expiresAt == 1_300_819_380_000)
        #expect(refusal(verifier, token)?.code == .expired)
    }

    @Test("the claims are returned byte for byte, with user, expiry and scopes parsed")
    func identity() throws {
        let claims: JSONValue = ["sub": "alice", "exp": 1_700_000_100, "scope": "a:read  b:write", "x": ["é"]]
        let identity = try verifier().verify(try token(claims), now: Self.now)
        #expect(
            identity
                == TokenSubject(
                    user: "alice", claims: claims.serialized, expiresAt: 1_700_000_100_000,
                    scopes: ["a:read", "b:write"]))
        #expect(identity.hasScope("b:write"))
        #expect(!identity.hasScope("b"))
    }

    @Test(
        "HS256, HS384 and HS512 are each verified if accepted",
        arguments: [TokenAlgorithm.hs256, .hs384, .hs512])
    func symmetricAlgorithms(_ algorithm: TokenAlgorithm) throws {
        let token = try token(["sub": "alice"], algorithm: algorithm)
        #expect(try verifier { $0.algorithms = [algorithm] }.verify(token, now: Self.now).user == "alice")
        let others = TokenAlgorithm.allCases.filter { $0.isSymmetric && $0 != algorithm }
        #expect(refusal(try verifier { $0.algorithms = others }, token)?.code == .algorithm)
        #expect(
            refusal(
                try verifier {
                    $0.algorithms = [algorithm]; $0.secret?.append(1)
                }, token)?.code == .signature)
    }

    @Test("tokens of another implementation are verified", arguments: Fixtures.tokens.indices)
    func foreignTokens(_ index: Int) throws {
        let (name, key, token) = Fixtures.tokens[index]
        let algorithm = try #require(TokenAlgorithm(rawValue: name))
        let keys = [
            "rsa": Fixtures.rsaKey, "p256": Fixtures.p256Key, "p384": Fixtures.p384Key, "p521": Fixtures.p521Key,
            "ed25519": Fixtures.ed25519Key,
        ]
        var verifiers = [
            try verifier {
                $0.algorithms = [algorithm]; $0.keySet = Array(Fixtures.keySet.utf8)
            }
        ]
        if let pem = keys[key] {
            verifiers.append(
                try verifier {
                    $0.algorithms = [algorithm]; $0.secret = nil; $0.publicKey = Array(pem.utf8)
                })
        }
        for verifier in verifiers {
            let identity = try verifier.verify(token, now: Self.now)
            #expect(identity.user == "alice")
            #expect(identity.hasScope("notifications:write"))
            // Not the last character, because its lower bits may be padding.
            var changed = Array(token.utf8)
            changed[changed.count - 2] =
                changed[changed.count - 2] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(refusal(verifier, String(decoding: changed, as: UTF8.self))?.code == .signature)
            #expect(refusal(verifier, String(token.dropLast(4)))?.code == .signature)
        }
    }

    @Test("a certificate is accepted as a public key")
    func certificate() throws {
        let verifier = try verifier {
            $0.algorithms = [.es256]; $0.publicKey = Array(Fixtures.p256Certificate.utf8)
        }
        #expect(try verifier.verify(Fixtures.tokenWithKeyID, now: Self.now).user == "alice")
    }

    @Test("a key set's keys are chosen by kid")
    func keyID() throws {
        let verifier = try verifier {
            $0.algorithms = [.es256]; $0.keySet = Array(Fixtures.keySet.utf8)
        }
        #expect(try verifier.verify(Fixtures.tokenWithKeyID, now: Self.now).user == "alice")
        #expect(refusal(verifier, Fixtures.tokenWithUnknownKeyID)?.code == .signature)
    }

    @Test(
        "Bearer is optional, in any case, and spaces around the token do not matter",
        arguments: ["%", "Bearer %", "bearer %", "BEARER   %", "  % ", " Bearer % "])
    func bearer(_ pattern: String) throws {
        let token = try token(["sub": "alice"])
        let text = pattern.split(separator: "%", omittingEmptySubsequences: false).joined(separator: token)
        #expect(try verifier().verify(text, now: Self.now).user == "alice")
    }

    @Test("the user may be an integer, or another claim than sub")
    func userClaims() throws {
        #expect(try verifier().verify(token(["sub": 42]), now: Self.now).user == "42")
        #expect(try verifier().verify(token(["sub": .number("1e3")]), now: Self.now).user == "1000")
        #expect(
            try verifier { $0.userClaim = "user_id" }.verify(token(["sub": "no", "user_id": "bob"]), now: Self.now).user
                == "bob")
        #expect(try verifier { $0.userClaim = "iss" }.verify(token(["iss": "bob"]), now: Self.now).user == "bob")
        #expect(try verifier().verify(token(["sub": "no", "sub": "last"]), now: Self.now).user == "last")
    }

    @Test("scopes are a string or an array; other types grant nothing")
    func scopes() throws {
        let cases: [(JSONValue, [ByteString])] = [
            ("a b", ["a", "b"]), ("", []), (["a b", "c"], ["a b", "c"]), ([], []), (["a", 1], []), (7, []), (nil, []),
            (["a": "b"], []),
        ]
        for (scope, expected) in cases {
            #expect(try verifier().verify(token(["sub": "x", "scope": scope]), now: Self.now).scopes == expected)
        }
        #expect(try verifier().verify(token(["sub": "x"]), now: Self.now).scopes == [])
    }

    // MARK: Time

    @Test("a token is accepted until its expiry plus the leeway, to the millisecond")
    func expiry() throws {
        let verifier = try verifier()
        let token = try token(["sub": "alice", "exp": 1_700_000_000])
        #expect(try verifier.verify(token, now: 1_700_000_004_999).expiresAt == 1_700_000_000_000)
        let refusal = refusal(verifier, token, now: 1_700_000_005_000)
        #expect(refusal == TokenRefusal(.expired, "the token expired at 2023-11-14T22:13:20.000Z"))
    }

    @Test("exp may have a fraction and may exceed the range of times")
    func unusualExpiry() throws {
        let verifier = try verifier { $0.leeway = 0 }
        #expect(
            try verifier.verify(token(["sub": "a", "exp": .number("1700000000.5")]), now: Self.now + 499).expiresAt
                == 1_700_000_000_500)
        #expect(
            refusal(verifier, try token(["sub": "a", "exp": .number("1700000000.5")]), now: Self.now + 500)?.code
                == .expired)
        for text in ["9223372036854775807", "1e30", "1e400"] {
            #expect(
                try verifier.verify(token(["sub": "a", "exp": .number(text)]), now: Self.now).expiresAt == Int64.max)
        }
        for text in ["-9223372036854775808", "-1e30", "0", "-1"] {
            #expect(refusal(verifier, try token(["sub": "a", "exp": .number(text)]))?.code == .expired)
        }
    }

    @Test("a token without exp is refused, or never expires if exp is not required")
    func noExpiry() throws {
        let token = try token(["sub": "alice"])
        #expect(try verifier().verify(token, now: Self.now).expiresAt == nil)
        let strict = try verifier { $0.requiresExpiry = TokenVerifierConfiguration().requiresExpiry }
        #expect(refusal(strict, token)?.code == .claims)
        #expect(refusal(strict, token)?.message.contains("'exp'") == true)
    }

    @Test("the error for an expired token has a readable time of expiry")
    func expiredWhen() throws {
        #expect(
            refusal(try verifier(), try token(["sub": "a", "exp": 5]))?.message
                == "the token expired at 1970-01-01T00:00:05.000Z")
        #expect(
            refusal(try verifier(), try token(["sub": "a", "exp": .number("-1e30")]))?.message
                == "the token expired at 0000-01-01T00:00:00.000Z")
    }

    @Test("the maximum age counts from iat, and may end before exp")
    func age() throws {
        let verifier = try verifier {
            $0.maximumAge = 60_000; $0.leeway = 1000
        }
        let young: JSONValue = ["sub": "ada", "iat": 1_699_999_990, "exp": 1_700_009_999]
        #expect(try verifier.verify(token(young), now: Self.now).expiresAt == 1_700_000_050_000)
        #expect(try verifier.verify(token(young), now: Self.now + 50_999).user == "ada")
        #expect(refusal(verifier, try token(young), now: Self.now + 51_000)?.code == .expired)
        #expect(
            refusal(verifier, try token(young), now: Self.now + 51_000)?.message.contains("2023-11-14T22:13:10.000Z")
                == true)
        #expect(
            try verifier.verify(token(["sub": "ada", "iat": 1_699_999_990, "exp": 1_700_000_020]), now: Self.now)
                .expiresAt == 1_700_000_020_000)
        #expect(
            try verifier.verify(token(["sub": "ada", "iat": 1_699_999_990]), now: Self.now).expiresAt
                == 1_700_000_050_000)
    }

    @Test(
        "with a maximum age, a token without iat or from the future is refused",
        arguments: [.null, "x", 1_700_000_002, .number("1e30")] as [JSONValue])
    func noAge(_ issuedAt: JSONValue) throws {
        let verifier = try verifier {
            $0.maximumAge = 60_000; $0.leeway = 1000
        }
        var claims: [JSONValue.Member] = [.init("sub", "ada"), .init("exp", 1_700_000_020)]
        #expect(refusal(verifier, try token(.object(claims)))?.code == .claims)
        claims.append(.init("iat", issuedAt))
        #expect(refusal(verifier, try token(.object(claims)))?.code == .claims)
        #expect(refusal(verifier, try token(.object(claims)))?.message.contains("'iat'") == true)
        #expect(try self.verifier().verify(token(.object(claims)), now: Self.now).user == "ada")
    }

    @Test("a token is not accepted before nbf minus the leeway")
    func notBefore() throws {
        let verifier = try verifier()
        let token = try token(["sub": "alice", "nbf": 1_700_000_005])
        #expect(try verifier.verify(token, now: Self.now).user == "alice")
        let refusal = refusal(verifier, token, now: Self.now - 1)
        #expect(refusal?.code == .claims)
        #expect(refusal?.message.contains("'nbf'") == true)
    }

    // MARK: Refused

    @Test("an absent token is token_missing", arguments: ["", " ", "Bearer", "Bearer ", "bearer    "])
    func missing(_ text: String) throws {
        #expect(refusal(try verifier(), text)?.code == .missing)
    }

    @Test(
        "a text that is not a compact JWS is token_malformed",
        arguments: [
            "x", "a.b", "a.b.c.d", "a.b.c.d.e", "..", ".e30.", "!.e30.x", "e30.e30.x", "bnVsbA.e30.x", "W10.e30.x",
            "Basic abc", "Bearers x.y.z",
            "eyJhbGciOiJIUzI1NiJ9=.e30.x",
        ])
    func malformed(_ text: String) throws {
        #expect(refusal(try verifier(), text)?.code == .malformed)
    }

    @Test(
        "a signed payload that is not a JSON object is token_malformed",
        arguments: ["", "x", "[]", "null", "\"alice\"", "{", "{}{}", #"{"sub":"a",}"#])
    func malformedPayload(_ payload: String) throws {
        let token = try token(header: #"{"alg":"HS256"}"#, payload: payload)
        #expect(refusal(try verifier(), token) == TokenRefusal(.malformed, "the token's payload is not a JSON object"))
    }

    @Test("a token with a changed end is token_signature, decodable or not", arguments: ["", "A", "a+/=", "é", "AAAA"])
    func unreadableSignature(_ signature: String) throws {
        let token = try token(["sub": "alice"])
        let unsigned = String(token[...(token.lastIndex(of: ".") ?? token.startIndex)])
        #expect(refusal(try verifier(), unsigned + signature)?.code == .signature)
        #expect(refusal(try verifier(), token.dropLast(4) + signature)?.code == .signature)
    }

    @Test("a token longer than the limit is token_malformed, one at the limit is not")
    func tooLong() throws {
        let token = try token(["sub": "alice"])
        #expect(
            try verifier { $0.maximumTokenLength = token.utf8.count }.verify("Bearer " + token, now: Self.now).user
                == "alice")
        let refusal = refusal(try verifier { $0.maximumTokenLength = token.utf8.count - 1 }, token)
        #expect(refusal?.code == .malformed)
        #expect(refusal?.message.contains("\(token.utf8.count) bytes") == true)
    }

    @Test("critical extensions are refused, since none is supported")
    func critical() throws {
        let token = try token(header: #"{"alg":"HS256","crit":["exp"]}"#, payload: #"{"sub":"a"}"#)
        #expect(refusal(try verifier(), token)?.code == .malformed)
    }

    @Test(
        "an algorithm that is not accepted, such as 'none', is token_algorithm",
        arguments: ["none", "None", "NONE", "", "hs256", "HS1", "RS256", "ES256", "A128GCM"])
    func algorithm(_ name: String) throws {
        let refusal = refusal(try verifier(), try token(header: #"{"alg":"\#(name)"}"#, payload: #"{"sub":"a"}"#))
        #expect(refusal == TokenRefusal(.algorithm, "the token is signed with '\(name)', accepted is HS256"))
    }

    @Test(
        "a header without a readable algorithm is token_malformed",
        arguments: ["{}", #"{"alg":null}"#, #"{"alg":["HS256"]}"#, #"{"typ":"JWT"}"#])
    func noAlgorithm(_ header: String) throws {
        #expect(refusal(try verifier(), try token(header: header, payload: #"{"sub":"a"}"#))?.code == .malformed)
    }

    @Test("a very long algorithm name is shortened in the message")
    func longAlgorithm() throws {
        let refusal = refusal(
            try verifier(), try token(header: #"{"alg":"\#(String(repeating: "x", count: 500))"}"#, payload: "{}"))
        #expect(refusal?.code == .algorithm)
        #expect((refusal?.message.count ?? 500) < 120)
    }

    @Test("a token signed with the public key as HMAC secret is refused")
    func algorithmConfusion() throws {
        let verifier = try verifier {
            $0.algorithms = [.rs256]; $0.secret = nil; $0.publicKey = Array(Fixtures.rsaKey.utf8)
        }
        // Not made with `TokenSigner`, which would refuse such a secret.
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.rDqIscl4aGvADbYcQTfeRYrcz2jydIeoCex9L7O7lOM"
        #expect(refusal(verifier, token)?.code == .algorithm)
    }

    @Test("another secret, another payload, another header: token_signature")
    func signature() throws {
        let verifier = try verifier()
        let parts = try token(["sub": "alice"]).split(separator: ".")
        let other = try token(["sub": "bob"], secret: Fixtures.otherSecret).split(separator: ".")
        #expect(refusal(verifier, other.joined(separator: "."))?.code == .signature)
        #expect(refusal(verifier, [parts[0], other[1], parts[2]].joined(separator: "."))?.code == .signature)
        #expect(refusal(verifier, [parts[0], parts[1], other[2]].joined(separator: "."))?.code == .signature)
        // The same header with white space: the signature covers the bytes.
        #expect(
            refusal(verifier, ["eyAiYWxnIjoiSFMyNTYiIH0", parts[1], parts[2]].joined(separator: "."))?.code
                == .signature)
        #expect(refusal(verifier, parts.joined(separator: ".") + "AAAA")?.code == .signature)
    }

    @Test("every flipped bit of a token is noticed")
    func flippedBits() throws {
        let verifier = try verifier()
        let token = Array(try token(["sub": "alice"]).utf8)
        for index in token.indices {
            for bit in 0..<7 {
                var changed = token
                changed[index] ^= 1 << bit
                #expect(refusal(verifier, String(decoding: changed, as: UTF8.self)) != nil)
            }
        }
    }

    @Test("claims that are missing, of a wrong type or out of bounds are token_claims, and the message names the claim")
    func claims() throws {
        let cases: [(JSONValue, String)] = [
            ([:], "'sub'"), (["sub": ""], "'sub'"), (["sub": nil], "'sub'"), (["sub": 1.5.json], "'sub'"),
            (["sub": ["a"]], "'sub'"),
            (["sub": true], "'sub'"), (["sub": "a", "exp": "1700000100"], "'exp'"),
            (["sub": "a", "exp": nil], "'exp'"),
            (["sub": "a", "nbf": "x"], "'nbf'"), (["sub": "a", "nbf": []], "'nbf'"),
            (["sub": .string(String(repeating: "a", count: 257))], "257 bytes"),
            (["sub": "alice\0x"], "control character"), (["sub": "a\nb"], "control character"),
            (["sub": "\u{7F}"], "control character"),
        ]
        for (claims, name) in cases {
            let refusal = refusal(try verifier(), try token(claims))
            #expect(refusal?.code == .claims)
            #expect(refusal?.message.contains(name) == true)
        }
        #expect(
            try verifier().verify(token(["sub": .string(String(repeating: "a", count: 256))]), now: Self.now).user.count
                == 256)
    }

    @Test("the issuer must be one of those configured, exactly")
    func issuer() throws {
        let verifier = try verifier { $0.issuers = ["https://a", "https://b"] }
        #expect(try verifier.verify(token(["sub": "x", "iss": "https://b"]), now: Self.now).user == "x")
        for claims: JSONValue in [
            ["sub": "x"], ["sub": "x", "iss": "https://B"], ["sub": "x", "iss": 1], ["sub": "x", "iss": ["https://a"]],
        ] {
            #expect(refusal(verifier, try token(claims))?.code == .claims)
        }
        #expect(try self.verifier().verify(token(["sub": "x", "iss": 1]), now: Self.now).user == "x")
    }

    @Test("the audience must be or contain one of those configured")
    func audience() throws {
        let verifier = try verifier { $0.audiences = ["app", "other"] }
        for audience: JSONValue in ["app", ["app"], ["x", "other"]] {
            #expect(try verifier.verify(token(["sub": "x", "aud": audience]), now: Self.now).user == "x")
        }
        for claims: JSONValue in [
            ["sub": "x"], ["sub": "x", "aud": "apps"], ["sub": "x", "aud": []], ["sub": "x", "aud": ["app", 1]],
            ["sub": "x", "aud": 1],
        ] {
            let refusal = refusal(verifier, try token(claims))
            #expect(refusal?.code == .claims)
            #expect(refusal?.message.contains("'aud'") == true)
        }
        #expect(try self.verifier().verify(token(["sub": "x", "aud": "anyone"]), now: Self.now).user == "x")
    }

    @Test("a bad signature is reported before anything in the payload, such as expiry")
    func signatureFirst() throws {
        #expect(refusal(try verifier(), try token(["exp": 1], secret: Fixtures.otherSecret))?.code == .signature)
    }

    @Test("the codes have their documented values")
    func codes() {
        #expect(
            TokenRefusal.Code.allCases.map(\.rawValue) == [
                "token_missing", "token_malformed", "token_expired", "token_signature", "token_claims",
                "token_algorithm",
            ])
        #expect(TokenRefusal(.missing, "no token").description == "token_missing: no token")
    }

    @Test("one verifier serves many threads at once")
    func manyThreads() async throws {
        let verifier = try verifier {
            $0.algorithms = [.hs256, .es256]; $0.keySet = Array(Fixtures.keySet.utf8)
        }
        let good = try token(["sub": "alice"])
        let bad = try token(["sub": "alice"], secret: Fixtures.otherSecret)
        let accepted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<200).count { (try? verifier.verify($0 % 2 == 0 ? good : bad, now: Self.now)) != nil }
                        + ((try? verifier.verify(Fixtures.tokenWithKeyID, now: Self.now)) != nil ? 1 : 0)
                }
            }
            return await group.reduce(0, +)
        }
        #expect(accepted == 8 * 101)
    }
}

extension Double {
    fileprivate var json: JSONValue { .double(self) }
}
