import Identity
import RawJSON

extension Benchmarks {
    static var tokens: [Benchmark] {
        [
            Benchmark("token.verify-hs256", "a token verified, its claims read", guardCount: 100) {
                let secret = Array("bench-secret-bench-secret-bench-01".utf8)
                var configuration = TokenVerifierConfiguration()
                configuration.secret = secret
                guard let verifier = try? TokenVerifier(configuration), let signer = try? TokenSigner(secret: secret),
                    let claims = try? JSONValue(parsing: #"{"sub":"user-1","iat":1700000000,"exp":4102444800}"#),
                    let token = try? signer.sign(claims)
                else { fail("the benchmark's token could not be made") }
                return { count in
                    for _ in 0..<count { opaque(try? verifier.verify(token, now: 1_800_000_000_000)) }
                }
            }
        ]
    }
}
