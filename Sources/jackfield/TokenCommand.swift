import ArgumentParser
import Daemon
import Foundation
import Identity
import RawJSON
import Support

/// Signs a token that a daemon with the same secret accepts.
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Print a signed token for a user.",
        discussion: """
            The secret is the first found of: --secret-file, the secret of --config, JWT_SECRET, and the key a demo has \
            made (\(DevelopmentKey.path)). A running daemon is not asked.

            EXAMPLES
              A token for the demo, valid for an hour:
                jackfield token --user alice

              One that may push notifications, valid for a week:
                jackfield token --user ops --ttl 7d --claim scope=notifications:write

              Claims are JSON where they can be, text otherwise:
                jackfield token --user alice --claim 'teams=["red","blue"]'
            """)

    @Option(help: ArgumentHelp("The user, as the claim that names users (sub).", valueName: "name"))
    var user: String

    @Option(help: ArgumentHelp("How long it is valid: 90s, 15m, 1h30m, 7d.", valueName: "span"))
    var ttl = TimeToLive(seconds: 3600)

    @Option(
        name: .customLong("claim"),
        help: ArgumentHelp("Another claim; its value is JSON, or else text. May be repeated.", valueName: "name=value"),
        transform: Self.claim)
    var claims: [JSONValue.Member] = []

    @Option(help: "File that holds the secret.", completion: .file())
    var secretFile: String?

    @Option(
        name: .shortAndLong, help: "Configuration file of the daemon, for its secret, algorithm, issuer and audience.")
    var config: String?

    func validate() throws {
        if let problem = UserID.problem(ByteString(user)) {
            throw ValidationError("The name after --user \(problem): give the id of a user, as in --user alice.")
        }
        guard secretFile == nil || config == nil else {
            throw ValidationError("--secret-file and --config exclude each other.")
        }
    }

    func run() throws {
        let auth = try settings()
        guard let algorithm = auth.algorithms.first(where: \.isSymmetric) else {
            let names = auth.algorithms.map(\.rawValue).joined(separator: ", ")
            throw CommandError(
                "\(names) needs a private key, which a daemon never has: sign with your identity provider.")
        }
        guard let secret = auth.secret else {
            throw CommandError(
                """
                There is no secret to sign with: give --secret-file or --config, set JWT_SECRET, \
                or start `jackfield serve --demo` here first, which makes one in \(DevelopmentKey.path).
                """)
        }
        do throws(TokenConfigurationError) {
            print(try TokenSigner(secret: secret.bytes, algorithm: algorithm).sign(payload(auth, now: Date())))
        } catch {
            throw CommandError("\(error): \(error.remedy).")
        }
    }

    /// The daemon's requirements for tokens, and the secret to sign with.
    private func settings() throws -> Configuration.Auth {
        if let config { return try settings(ofFile: config) }
        var auth = Configuration.Auth()
        if let secretFile {
            auth.secret = try Configuration.Secret(file: secretFile)
        } else if let secret = ProcessInfo.processInfo.environment["JWT_SECRET"], !secret.isEmpty {
            auth.secret = Configuration.Secret(bytes: Array(secret.utf8))
        } else {
            auth.secret = try? Configuration.Secret(file: DevelopmentKey.path)
        }
        return auth
    }

    private func settings(ofFile config: String) throws -> Configuration.Auth {
        guard var auth = try Configuration.load(file: config).auth else {
            throw CommandError("\(config) has auth: false: its daemon does not check tokens.")
        }
        if let file = auth.developmentKeyFile { auth.secret = try? Configuration.Secret(file: file) }
        return auth
    }

    /// The claims that the daemon checks, then those of the command line. Of equal names the last counts.
    private func payload(_ auth: Configuration.Auth, now: Date) -> JSONValue {
        let issued = Int64(now.timeIntervalSince1970)
        var members: [JSONValue.Member] = [
            .init(auth.userClaim, .string(user)), .init("iat", .integer(issued)),
            .init("exp", .integer(issued + ttl.seconds)),
        ]
        if let issuer = auth.issuers.first { members.append(.init("iss", .string(issuer))) }
        if let audience = auth.audiences.first { members.append(.init("aud", .string(audience))) }
        for claim in claims {
            members.removeAll { $0.key == claim.key }
            members.append(claim)
        }
        return .object(members)
    }

    private static func claim(_ argument: String) throws -> JSONValue.Member {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw ValidationError("'\(argument)' is no claim: write NAME=VALUE.")
        }
        return JSONValue.Member(parts[0], (try? JSONValue(parsing: parts[1])) ?? .string(parts[1]))
    }
}

/// A duration in the form `90s`, `15m`, `1h30m` or `7d`; a number alone is in seconds.
struct TimeToLive: ExpressibleByArgument {
    /// Positive, and at most a hundred years, so that adding it to the current time does not overflow.
    let seconds: Int64

    init(seconds: Int64) {
        self.seconds = seconds
    }

    init?(argument: String) {
        guard let seconds = Int64(argument) ?? Self.sum(of: argument), (1...Self.longest).contains(seconds) else {
            return nil
        }
        self.seconds = seconds
    }

    /// `1h30m` is 5400; `nil` if the text is not a series of numbers with units, or exceeds the maximum.
    private static func sum(of text: String) -> Int64? {
        var total: Int64 = 0
        var digits = ""
        for character in text {
            if character.isASCII, character.isNumber {
                digits.append(character)
                continue
            }
            guard let unit = units[character], let count = Int64(digits), count <= longest else { return nil }
            total += count * unit
            guard total <= longest else { return nil }
            digits = ""
        }
        return digits.isEmpty ? total : nil
    }

    var defaultValueDescription: String {
        let unit = ["d", "h", "m"].first { seconds.isMultiple(of: Self.units[$0] ?? 1) }
        return unit.map { "\(seconds / (Self.units[$0] ?? 1))\($0)" } ?? "\(seconds)s"
    }

    private static let longest: Int64 = 36_525 * 86_400
    private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
}
