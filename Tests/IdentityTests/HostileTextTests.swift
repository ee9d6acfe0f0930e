import RawJSON
import Support
import Testing

@testable import Identity

/// Text that Swift's `String` compares in quadratic time: combining marks of two classes in the wrong order.
@Suite struct HostileTextTests {
    /// About as many as fit into the header or payload of the longest accepted token.
    static let marks = String(repeating: "\u{301}", count: 1_400) + String(repeating: "\u{316}", count: 1_400)

    static let now: Int64 = 1_700_000_000_000

    private func verifier(_ change: (inout TokenVerifierConfiguration) -> Void = { _ in }) throws -> TokenVerifier {
        var configuration = TokenVerifierConfiguration()
        configuration.secret = Array(Fixtures.secret.utf8)
        change(&configuration)
        return try TokenVerifier(configuration)
    }

    private func unsigned(header: String) -> String {
        var token: [UInt8] = []
        Base64.appendURL(header.utf8, to: &token)
        return String(decoding: token, as: UTF8.self) + ".e30.AAAA"
    }

    /// A hundred refusals took more than 5 seconds when text was compared as `String`.
    private func expectCheap(
        _ verifier: TokenVerifier, _ token: String, _ code: TokenRefusal.Code?,
        _ place: SourceLocation = #_sourceLocation
    ) {
        let clock = ContinuousClock()
        var refusal: TokenRefusal.Code?
        let time = clock.measure {
            for _ in 0..<100 {
                do throws(TokenRefusal) {
                    _ = try verifier.verify(token, now: Self.now)
                    refusal = nil
                } catch {
                    refusal = error.code
                }
            }
        }
        #expect(refusal == code, sourceLocation: place)
        #expect(time < .seconds(2), sourceLocation: place)
    }

    @Test func `combining marks as the algorithm are refused quickly`() throws {
        expectCheap(try verifier(), unsigned(header: #"{"alg":"H\#(Self.marks)"}"#), .algorithm)
        expectCheap(try verifier(), unsigned(header: #"{"alg":"\#(Self.marks)"}"#), .algorithm)
    }

    @Test func `combining marks as the name of a key are handled quickly`() throws {
        let keySet = Fixtures.keySet.replacing(#""kid":"p256""#, with: "\"kid\":\"p256\(Self.marks)\u{301}\"")
        let verifier = try verifier {
            $0.algorithms = [.es256]; $0.keySet = Array(keySet.utf8)
        }
        expectCheap(verifier, unsigned(header: #"{"alg":"ES256","kid":"p256\#(Self.marks)"}"#), .malformed)
    }

    @Test func `combining marks as names and values of claims are handled quickly`() throws {
        let signer = try TokenSigner(secret: Array(Fixtures.secret.utf8))
        let verifier = try verifier {
            $0.issuers = ["https://a"] + (0..<10).map { "a\u{301}\u{316}\($0)" }
            $0.audiences = ["app"] + (0..<10).map { "b\u{301}\u{316}\($0)" }
        }
        func token(_ changed: String, _ value: JSONValue) throws -> String {
            let claims: [(String, JSONValue)] = [
                ("sub", "ada"), ("exp", 1_700_000_100), ("iss", "https://a"), ("aud", "app"), (changed, value),
            ]
            return try signer.sign(.object(claims.map { .init($0.0, $0.1) }))
        }
        expectCheap(verifier, try token("iss", .string("a" + Self.marks)), .claims)
        expectCheap(verifier, try token("aud", .string("b" + Self.marks)), .claims)
        expectCheap(verifier, try token("aud", .array((0..<500).map { .string("b\u{316}\u{301}\($0)") })), .claims)
        expectCheap(verifier, try token("sub", .string(Self.marks)), .claims)
        expectCheap(verifier, try token("exp" + Self.marks, 5), nil)
        let granted = try verifier.verify(token("scope", .string("b" + Self.marks + " c")), now: Self.now)
        let time = ContinuousClock().measure {
            for _ in 0..<100 where granted.hasScope("b\u{316}\u{301}") { Issue.record("not granted") }
        }
        #expect(time < .seconds(2))
        #expect(granted.hasScope("c"))
    }

    @Test func `canonically equivalent texts are not equal`() throws {
        let signer = try TokenSigner(secret: Array(Fixtures.secret.utf8))
        let verifier = try verifier {
            $0.issuers = ["https://K"]
            $0.audiences = ["caf\u{E9}"]
        }
        func refusal(_ issuer: String, _ audience: String) throws -> TokenRefusal.Code? {
            let token = try signer.sign([
                "sub": "ada", "exp": 1_700_000_100, "iss": .string(issuer), "aud": .string(audience),
            ])
            do throws(TokenRefusal) {
                _ = try verifier.verify(token, now: Self.now)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(try refusal("https://K", "caf\u{E9}") == nil)
        // The Kelvin sign, and a letter with a combining accent.
        #expect(try refusal("https://\u{212A}", "caf\u{E9}") == .claims)
        #expect(try refusal("https://K", "cafe\u{301}") == .claims)
        let token = try signer.sign([
            "sub": "\u{212A}", "exp": 1_700_000_100, "iss": "https://K", "aud": "caf\u{E9}", "scope": "cafe\u{301}",
        ])
        let identity = try verifier.verify(token, now: Self.now)
        #expect(identity.user != "K")
        #expect(!identity.hasScope("caf\u{E9}"))
    }
}
