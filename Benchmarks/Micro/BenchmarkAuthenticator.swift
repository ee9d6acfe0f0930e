import Identity
import PluginHost
import RawJSON
import Transport

/// Accepts requests whose token has the scope that the route requires, as the daemon does.
struct BenchmarkAuthenticator: HTTPAuthenticator {
    private static let secret = Array("bench-secret-bench-secret-bench-01".utf8)
    private let tokens: VerifiedTokens

    init() {
        var configuration = TokenVerifierConfiguration()
        configuration.secret = Self.secret
        guard let verifier = try? TokenVerifier(configuration) else {
            fail("the benchmark's tokens cannot be verified")
        }
        tokens = VerifiedTokens(verifier)
    }

    func authenticate(_ request: HTTPRequest, _ access: RouteAccess) -> HTTPAuthResult {
        request.withBytes { bytes in
            guard let authorization = bytes.header("authorization"),
                let identity = try? tokens.verify(authorization, now: 1_800_000_000_000),
                access.scope.map(identity.hasScope) != false
            else { return .refuse(status: 401, code: "token", detail: "no token") }
            return .accept(ClientIdentity(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt))
        }
    }

    static func token(granting scope: String) -> String {
        guard let signer = try? TokenSigner(secret: secret),
            let token = try? signer.sign([
                "sub": "pusher", "scope": .string(scope), "iat": 1_799_990_000, "exp": 1_800_003_600,
            ])
        else { fail("the benchmark's token could not be made") }
        return token
    }
}
