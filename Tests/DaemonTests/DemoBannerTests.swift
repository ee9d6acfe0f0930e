import Identity
import Testing

@testable import Daemon

@Suite struct DemoBannerTests {
    private func banner(pushes: Bool, _ change: (inout Configuration.Auth) -> Void = { _ in }) throws -> DemoBanner? {
        var auth = Configuration.Auth()
        auth.secret = Configuration.Secret(bytes: Array(repeating: 7, count: 64))
        change(&auth)
        return try DemoBanner(address: "http://localhost:8080", auth: auth, pushes: pushes, now: 1_700_000_000_000)
    }

    @Test func `the curl line is shown only if a push is served`() throws {
        let with = try #require(try banner(pushes: true)).text, without = try #require(try banner(pushes: false)).text
        #expect(with.contains("curl -sS http://localhost:8080/v1/notifications ") && !with.contains("--plugin"))
        #expect(!without.contains("curl") && without.contains("--plugin notifications"))
        #expect(with.contains("http://localhost:8080/#alice=") && without.contains("http://localhost:8080/#alice="))
    }

    @Test func `the tokens it shows are accepted by the verifier of the same settings`() throws {
        var settings = Configuration.Auth()
        let banner = try #require(
            try banner(pushes: true) {
                $0.algorithms = [.rs256, .hs512]
                $0.issuers = ["me"]
                $0.audiences = ["a", "b"]
                $0.userClaim = "uid"
                $0.maxAge = .seconds(3600)
                settings = $0
            })
        var verifier = settings.verifierConfiguration
        verifier.algorithms = [.hs512]
        for (user, token) in banner.tokens {
            let identity = try TokenVerifier(verifier).verify(token, now: 1_700_000_000_000)
            #expect(identity.user.text == user && identity.hasScope("notifications:write"))
        }
    }

    @Test func `with only a public key there are no tokens to show`() throws {
        #expect(try banner(pushes: true) { $0.algorithms = [.rs256] } == nil)
        #expect(try banner(pushes: true) { $0.secret = nil } == nil)
    }
}
