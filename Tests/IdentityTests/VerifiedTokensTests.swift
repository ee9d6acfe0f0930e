import RawJSON
import Testing

@testable import Identity

@Suite struct VerifiedTokensTests {
    static let now: Int64 = 1_700_000_000_000

    private func tokens(leeway: Int64 = 0) throws -> VerifiedTokens {
        var configuration = TokenVerifierConfiguration()
        configuration.secret = Array(Fixtures.secret.utf8)
        configuration.leeway = leeway
        configuration.requiresExpiry = false
        return VerifiedTokens(try TokenVerifier(configuration))
    }

    private func token(_ claims: JSONValue, secret: String = Fixtures.secret) throws -> String {
        try TokenSigner(secret: Array(secret.utf8), algorithm: .hs256).sign(claims)
    }

    private func verify(_ tokens: VerifiedTokens, _ token: String, now: Int64 = now) throws(TokenRefusal)
        -> TokenSubject
    {
        try Array(token.utf8).withUnsafeBytes { token in
            Result { () throws(TokenRefusal) in try tokens.verify(token, now: now) }
        }.get()
    }

    private func remembers(_ tokens: VerifiedTokens, _ token: String) -> Bool {
        Array(token.utf8).withUnsafeBytes { tokens.remembers($0) }
    }

    private func refusal(_ tokens: VerifiedTokens, _ token: String, now: Int64 = now) -> TokenRefusal.Code? {
        do throws(TokenRefusal) {
            _ = try verify(tokens, token, now: now)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `a cached token gives the same result, with its scheme or without`() throws {
        let tokens = try tokens()
        let text = try token(["sub": "ada", "scope": "a b", "exp": 1_700_000_100])
        for presented in [text, "Bearer " + text] {
            let first = try verify(tokens, presented)
            #expect(try verify(tokens, presented) == first)
            #expect(try tokens.verifier.verify(text, now: Self.now) == first)
        }
    }

    @Test func `a cached token still expires, and is not accepted before its nbf`() throws {
        let tokens = try tokens(leeway: 5000)
        let text = try token(["sub": "ada", "nbf": 1_699_999_000, "exp": 1_700_000_010])
        #expect(refusal(tokens, text) == nil)
        #expect(refusal(tokens, text, now: Self.now + 14_999) == nil)
        #expect(refusal(tokens, text, now: Self.now + 15_000) == .expired)
        #expect(refusal(tokens, text, now: Self.now - 1_006_000) == .claims)
        #expect(refusal(tokens, text) == nil)
    }

    @Test func `no other text matches a cached token`() throws {
        let tokens = try tokens()
        var number = 0
        var text = ""
        while !text.contains("K") {
            number += 1
            text = try token(["sub": .string("user-\(number)")])
        }
        _ = try verify(tokens, text)
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(refusal(tokens, changed) != nil)
        }
        // These two are equal as Swift strings.
        let kelvin = String(text.map { $0 == "K" ? "\u{212A}" : $0 })
        #expect(kelvin == text)
        #expect(refusal(tokens, kelvin) != nil)
    }

    @Test func `refusals are not cached`() throws {
        let tokens = try tokens()
        let early = try token(["sub": "ada", "nbf": 1_700_000_010])
        #expect(refusal(tokens, early) == .claims)
        #expect(refusal(tokens, try token(["sub": "ada"], secret: "another-secret-another-secret-0123")) == .signature)
        #expect(refusal(tokens, "x") == .malformed)
        #expect(refusal(tokens, "") == .missing)
        #expect(tokens.count == 0)
        #expect(refusal(tokens, early, now: Self.now + 10_000) == nil)
    }

    @Test func `the cache is limited, and tokens in use stay in it`() throws {
        let tokens = try tokens()
        let used = try token(["sub": "used"])
        for user in 0..<VerifiedTokens.capacity * 5 {
            _ = try verify(tokens, try token(["sub": .string("user-\(user)")]))
            _ = try verify(tokens, used)
            #expect(tokens.count <= VerifiedTokens.capacity * 2)
        }
        #expect(remembers(tokens, used))
        #expect(!remembers(tokens, try token(["sub": "user-0"])))
        let long = try token([
            "sub": "ada", "more": .string(String(repeating: "x", count: VerifiedTokens.longestToken)),
        ])
        #expect(refusal(tokens, long) == nil)
        #expect(!remembers(tokens, long))
    }
}
