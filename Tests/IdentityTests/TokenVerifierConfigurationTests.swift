import RawJSON
import Testing

@testable import Identity

@Suite("Token verifier configuration")
struct TokenVerifierConfigurationTests {
    private func error(_ change: (inout TokenVerifierConfiguration) -> Void) -> String? {
        var configuration = TokenVerifierConfiguration()
        change(&configuration)
        do throws(TokenConfigurationError) {
            _ = try TokenVerifier(configuration)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("defaults are those documented")
    func defaults() {
        let configuration = TokenVerifierConfiguration()
        #expect(configuration.algorithms == [.hs256])
        #expect(configuration.leeway == 5000)
        #expect(configuration.userClaim == "sub")
        #expect(!configuration.requiresExpiry)
    }

    @Test("every algorithm needs a key that fits it")
    func keys() {
        #expect(error { _ in } == "HS256 needs a secret, and there is none")
        #expect(error { $0.secret = [] } == "the secret is empty")
        #expect(error { $0.algorithms = []; $0.secret = [1] }?.hasPrefix("no algorithm is accepted") == true)
        #expect(error { $0.algorithms = [.rs256]; $0.secret = [1] } == "RS256 needs a public key that fits it, and there is none")
        #expect(
            error { $0.algorithms = [.rs256]; $0.publicKey = Array(Fixtures.p256Key.utf8) }
                == "RS256 needs a public key that fits it, and there is an elliptic curve key on prime256v1")
        #expect(
            error { $0.algorithms = [.es384]; $0.publicKey = Array(Fixtures.p256Key.utf8) }
                == "ES384 needs a public key that fits it, and there is an elliptic curve key on prime256v1")
        #expect(
            error { $0.algorithms = [.rs256]; $0.publicKey = Array(Fixtures.smallRSAKey.utf8) }
                == "RS256 needs a public key that fits it, and there is an RSA key of 1024 bits")
        #expect(
            error { $0.algorithms = [.ps256]; $0.publicKey = Array(Fixtures.ed25519Key.utf8) }
                == "PS256 needs a public key that fits it, and there is an Ed25519 key")
        #expect(error { $0.algorithms = [.hs256]; $0.publicKey = Array(Fixtures.rsaKey.utf8) } == "HS256 needs a secret, and there is none")
        #expect(error { $0.secret = [1]; $0.userClaim = "" }?.hasPrefix("the user claim has no name") == true)
    }

    @Test("a file that holds no public key is told from one that holds a private key")
    func pem() {
        #expect(error { $0.algorithms = [.rs256]; $0.publicKey = Array("hello".utf8) }?.contains("BEGIN PUBLIC KEY") == true)
        #expect(error { $0.algorithms = [.rs256]; $0.publicKey = [] }?.contains("BEGIN PUBLIC KEY") == true)
        let header = "-----BEGIN " + "PRIVATE KEY-----\nAAAA\n-----END " + "PRIVATE KEY-----\n"
        #expect(error { $0.algorithms = [.rs256]; $0.publicKey = Array(header.utf8) }?.contains("holds a private key") == true)
    }

    @Test("a key set that cannot be used says why")
    func keySets() {
        func error(_ keySet: String) -> String? {
            self.error { $0.algorithms = [.es256]; $0.keySet = Array(keySet.utf8) }
        }
        #expect(error("{") == "the key set is not valid: invalid JSON: it ends too early, at byte 1")
        #expect(error("[]") == "the key set has no array 'keys'")
        #expect(error(#"{"keys":{}}"#) == "the key set has no array 'keys'")
        #expect(error(#"{"keys":[]}"#) == "the key set holds no key that verifies signatures")
        #expect(error(#"{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"EC","crv":"P-256"},7]}"#) == "the key set holds no key that verifies signatures")
        // A point that is not on the curve.
        #expect(error(#"{"keys":[{"kty":"EC","kid":"k","crv":"P-256","x":"AQ","y":"AQ"}]}"#)?.hasPrefix("key 'k' of the key set is not valid") == true)
        #expect(error(#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AQ"}]}"#)?.hasPrefix("key number 0 of the key set is not valid") == true)
    }

    @Test("a key that its set keeps for one algorithm serves no other")
    func keyForOneAlgorithm() {
        let keySet = Fixtures.keySet.split(separator: "\n").first { $0.contains(#""kid":"p256""#) }.map { #"{"keys":[\#($0.dropLast())]}"# } ?? ""
        #expect(error { $0.algorithms = [.es256]; $0.keySet = Array(keySet.utf8) } == nil)
        let renamed = keySet.split(separator: "ES256", omittingEmptySubsequences: false).joined(separator: "ES384")
        #expect(error { $0.algorithms = [.es256]; $0.keySet = Array(renamed.utf8) }?.hasPrefix("ES256 needs a public key that fits it") == true)
    }

    @Test("a short secret works, with a warning")
    func shortSecret() throws {
        var configuration = TokenVerifierConfiguration()
        configuration.algorithms = [.hs256, .hs512]
        configuration.secret = [UInt8](repeating: 1, count: 32)
        let warnings = try TokenVerifier(configuration).warnings
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("HS512 needs 64 or more") == true)
    }
}
