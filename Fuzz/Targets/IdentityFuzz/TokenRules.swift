import FuzzSupport
import Identity
import RawJSON

/// Rules for tokens: only tokens that were signed with the key are accepted.
enum TokenRules {
    private static let secret = Array(
        "a secret that no corpus has, of eighty bytes, since HS512 takes none under sixty-four".utf8)
    private static let now: Int64 = 1_700_000_000_000

    private static let verifier: TokenVerifier = {
        var configuration = TokenVerifierConfiguration()
        configuration.algorithms = [.hs256, .hs384, .hs512]
        configuration.secret = secret
        // The claims of the corpus seldom have `exp`.
        configuration.requiresExpiry = false
        do throws(TokenConfigurationError) {
            return try TokenVerifier(configuration)
        } catch {
            fatalError("the fuzzer's own secret is refused, so that nothing would be checked: \(error)")
        }
    }()

    /// Any bytes are refused, with a reason and without a crash.
    static func checkArbitrary(_ token: [UInt8]) {
        withExactCopy(of: token) { token in
            do throws(TokenRefusal) {
                _ = try verifier.verify(UnsafeRawBufferPointer(token), now: now)
                require(token.isEmpty, "a token that nobody signed is refused")
            } catch {
                require(!error.message.isEmpty, "a refusal says why")
            }
        }
    }

    /// Signs and verifies claims; then changes one byte of the token, which must be refused.
    static func checkSigned(_ script: inout ByteScript) {
        let place = Int(script.byte()) << 8 | Int(script.byte())
        let replacement = script.byte()
        let algorithm: TokenAlgorithm = [.hs256, .hs384, .hs512][script.number(below: 3)]
        guard let claims = try? JSONValue(parsing: script.remainder()),
            let signer = try? TokenSigner(secret: secret, algorithm: algorithm),
            let token = try? signer.sign(claims)
        else { return }
        let verified = verify(Array(token.utf8))
        if let verified {
            require(claims["sub"] != nil, "a verified token has a claim 'sub'")
            require(JSONScanner.isValid(verified.claims), "claims stay JSON")
            require(verified.expiresAt.map { $0 > now - 5_000 } ?? true, "an expired token is refused")
        }
        require(verify(Array("Bearer \(token)".utf8)) == verified, "the scheme makes no difference")

        var changed = Array(token.utf8)
        changed[place % changed.count] = replacement
        // A blank at either end is ignored.
        guard changed != Array(token.utf8), replacement != UInt8(ascii: " ") else { return }
        require(verify(changed) == nil, "a token that was changed is refused")
    }

    private static func verify(_ token: [UInt8]) -> TokenSubject? {
        withExactCopy(of: token) { try? verifier.verify(UnsafeRawBufferPointer($0), now: now) }
    }
}
