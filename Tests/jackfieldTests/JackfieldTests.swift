import Daemon
import Foundation
import Identity
import Testing

@testable import jackfield

/// Runs the executable, and checks the exit codes and output streams that scripts rely on.
@Suite("jackfield")
struct JackfieldTests {
    private typealias Outcome = Executable.Outcome

    private func run(_ arguments: String..., environment: [String: String] = [:], files: [String: String] = [:]) throws
        -> Outcome
    {
        try Executable.run(arguments, environment: environment, files: files)
    }

    private let secret = ["JWT_SECRET": "0123456789abcdef0123456789abcdef"]

    @Test("help and version succeed, and every command has examples")
    func help() throws {
        for arguments in [["--help"], ["serve", "--help"], ["token", "--help"], ["types", "--help"]] {
            let outcome = arguments.count == 1 ? try run(arguments[0]) : try run(arguments[0], arguments[1])
            #expect(outcome.code == 0 && outcome.output.contains("EXAMPLES") && outcome.errors.isEmpty)
        }
        #expect(try run("--version").output == "\(JackfieldDaemon.version)\n")
    }

    @Test("wrong use exits with 2")
    func wrongUse() throws {
        #expect(try run("serve", "--bogus").code == 2)
        #expect(try run("bogus").code == 2)
        #expect(try run("token").code == 2)
        let nobody = try run("token", "--user", "", environment: secret)
        #expect(
            nobody.code == 2
                && nobody.errors.contains("The name after --user is empty: give the id of a user, as in --user alice."))
        #expect(try run("token", "--user", "a\nb", environment: secret).code == 2)
        #expect(try run("token", "--user", "a", "--ttl", "soon").code == 2)
        #expect(try run("token", "--user", "a", "--claim", "x").code == 2)
        #expect(try run("serve", "--plugin", "=x").code == 2)
        #expect(try run("serve", "--log-level", "loud").code == 2)
    }

    @Test("a bad configuration exits with 78 and its problems on standard error")
    func badConfiguration() throws {
        let outcome = try run("serve", "--check")
        #expect(outcome.code == 78 && outcome.output.isEmpty && outcome.errors.contains("no key to verify tokens"))
        #expect(try run("serve", "--config", "/nowhere.yaml", "--check", environment: secret).code == 78)
        #expect(try run("token", "--user", "a", "--config", "/nowhere.yaml").code == 78)
    }

    @Test("a check prints the settings in effect and no secret")
    func check() throws {
        let outcome = try run("serve", "--check", "--port", "9", "--plugin", "rooms={a: 1}", environment: secret)
        #expect(outcome.code == 0 && outcome.errors.isEmpty)
        #expect(outcome.output.contains("port: 9\n") && outcome.output.contains(#""path":"rooms""#))
        #expect(!outcome.output.contains(secret["JWT_SECRET"]!))
    }

    /// Verifies the token that `jackfield token` printed, `seconds` from now.
    private func verify(_ outcome: Outcome, _ configuration: TokenVerifierConfiguration, in seconds: Int64 = 0) throws {
        let token = outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let now = Int64(Date().timeIntervalSince1970) + seconds
        _ = try TokenVerifier(configuration).verify(token, now: now * 1000)
    }

    @Test("a token is accepted by a verifier with the same secret until it expires")
    func token() throws {
        let outcome = try run(
            "token", "--user", "alice", "--ttl", "1h", "--claim", "scope=notifications:write", "--claim", "n=[1]",
            environment: secret)
        #expect(outcome.code == 0 && outcome.errors.isEmpty)
        var configuration = TokenVerifierConfiguration()
        configuration.secret = Array(secret["JWT_SECRET"]!.utf8)
        try verify(outcome, configuration)
        #expect(throws: TokenRefusal.self) { try verify(outcome, configuration, in: 3700) }
        configuration.secret = Array(String(repeating: "x", count: 32).utf8)
        #expect(throws: TokenRefusal.self) { try verify(outcome, configuration) }
    }

    @Test("a token made with the daemon's configuration satisfies that configuration")
    func tokenOfConfiguration() throws {
        let key = String(repeating: "k", count: 64)
        let yaml = "auth: { secretFile: my.key, algorithms: [HS512], issuer: me, audience: [a, b], userClaim: uid }"
        let outcome = try run(
            "token", "--user", "alice", "--config", "c.yaml", files: ["c.yaml": yaml, "my.key": key + "\n"])
        #expect(outcome.code == 0 && outcome.errors.isEmpty)
        var configuration = TokenVerifierConfiguration()
        configuration.algorithms = [.hs512]
        configuration.secret = Array(key.utf8)
        configuration.issuers = ["me"]
        configuration.audiences = ["b"]
        configuration.userClaim = "uid"
        #expect(throws: TokenRefusal.self) { try verify(outcome, configuration) }
        configuration.audiences = ["a"]
        try verify(outcome, configuration)
    }

    @Test("a configuration without a signing secret fails, and the error says why")
    func unsignable() throws {
        let outcome = try run("token", "--user", "a", "--config", "c.yaml", files: ["c.yaml": "auth: false"])
        #expect(outcome.code == 1 && outcome.errors.contains("auth: false"))
        #expect(try run("token", "--user", "a", "--secret-file", "k", "--config", "c").code == 2)
        let missing = try run("token", "--user", "a", "--secret-file", "no.key")
        #expect(missing.code == 1 && missing.errors.contains("there is no file 'no.key'"))
    }

    @Test("a secret that the daemon would refuse is refused with the same reason")
    func weakSecret() throws {
        let outcome = try run("token", "--user", "alice", environment: ["JWT_SECRET": "short"])
        #expect(outcome.code == 1 && outcome.output.isEmpty)
        #expect(
            outcome.errors.contains("the secret has 5 bytes and can be guessed")
                && outcome.errors.contains("openssl rand -hex 32"))
    }

    @Test("signing without any secret fails, and the error says what to do")
    func noSecret() throws {
        let outcome = try run("token", "--user", "alice")
        #expect(outcome.code == 1 && outcome.output.isEmpty && outcome.errors.contains("--secret-file"))
    }
}

@Suite("Time to live")
struct TimeToLiveTests {
    @Test(
        "spans are parsed in the usual notation",
        arguments: [("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("7d", 604_800)])
    func read(text: String, seconds: Int64) {
        #expect(TimeToLive(argument: text)?.seconds == seconds)
    }

    @Test(
        "the default is shown in the usual notation",
        arguments: [(3600, "1h"), (5400, "90m"), (61, "61s"), (172_800, "2d")])
    func described(seconds: Int64, text: String) {
        #expect(TimeToLive(seconds: seconds).defaultValueDescription == text)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "0", "0s", "-1", "h", "1x", "1h30", "1 h", "9999999999999999999s", "9223372036854775807d",
            "9223372036854775807", "99999d", "1\u{662}s",
        ])
    func refused(text: String) {
        #expect(TimeToLive(argument: text) == nil)
    }
}
