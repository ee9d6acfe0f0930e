import RawJSON
import Testing

@testable import Identity

@Suite("Token signer")
struct TokenSignerTests {
    @Test("signs byte for byte what jwt.io's example says")
    func knownToken() throws {
        let token = try TokenSigner(secret: Array("your-256-bit-secret".utf8)).sign(["sub": "1234567890", "name": "John Doe", "iat": 1_516_239_022])
        #expect(
            token
                == "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
        )
    }

    @Test("an empty secret, or an algorithm of public keys, signs nothing")
    func refused() {
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: []) }
        #expect(throws: TokenConfigurationError.self) { try TokenSigner(secret: [1], algorithm: .rs256) }
    }
}
