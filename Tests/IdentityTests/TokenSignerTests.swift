import RawJSON
import Testing

@testable import Identity

@Suite("Token signer")
struct TokenSignerTests {
    @Test("signs byte for byte what PyJWT signs")
    func knownToken() throws {
        let token = try TokenSigner(secret: Array(Fixtures.secret.utf8)).sign(["sub": "1234567890", "name": "John Doe", "iat": 1_516_239_022])
        #expect(
            token
                == "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.NtTpdNNS21A7JMyRi60hDObMSATmi4ml1JqovX8vyW4"
        )
    }

    @Test("a secret that a verifier refuses, or an algorithm of public keys, signs nothing")
    func refused() {
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: []) }
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: [UInt8](repeating: 1, count: 31)) }
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: Array(Fixtures.rsaKey.utf8)) }
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: Array(Fixtures.secret.utf8), algorithm: .rs256) }
    }
}
