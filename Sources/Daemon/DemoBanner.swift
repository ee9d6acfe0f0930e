import Identity
import RawJSON
import Support

/// What a demo prints once it serves: the page to open, a token for each of two users, and a notification to push.
struct DemoBanner {
    static let users = ["alice", "bob"]

    /// Long enough for a day of trying things out.
    static let timeToLive: Int64 = 24 * 60 * 60

    /// What the page does for its users: everything, so that one person can act as both.
    static let scope = "notifications:write"

    /// Where a notification is pushed, if something serves it.
    static let push: (method: ByteString, path: String) = ("POST", "/v1/notifications")

    let address: String
    let tokens: [(user: String, token: String)]
    private let pushes: Bool

    /// `nil` if tokens are signed by somebody else, as with a public key configured: then the
    /// demo has none to give away.
    ///
    /// - Throws: ``TokenConfigurationError`` if the secret cannot sign.
    ///
    /// - Parameters:
    ///   - pushes: whether ``push`` is served.
    ///   - now: milliseconds since 1970.
    init?(address: String, auth: Configuration.Auth, pushes: Bool, now: Int64) throws(TokenConfigurationError) {
        guard let secret = auth.secret, let algorithm = auth.algorithms.first(where: \.isSymmetric) else { return nil }
        let signer = try TokenSigner(secret: secret.bytes, algorithm: algorithm)
        self.address = address
        self.pushes = pushes
        var tokens: [(user: String, token: String)] = []
        for user in Self.users {
            tokens.append((user, try signer.sign(Self.claims(of: user, auth: auth, now: now))))
        }
        self.tokens = tokens
    }

    private static func claims(of user: String, auth: Configuration.Auth, now: Int64) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init(auth.userClaim, .string(user)), .init("scope", .string(scope)),
            .init("iat", .integer(now / 1000)), .init("exp", .integer(now / 1000 + timeToLive)),
        ]
        if let issuer = auth.issuers.first { members.append(.init("iss", .string(issuer))) }
        if let audience = auth.audiences.first { members.append(.init("aud", .string(audience))) }
        return .object(members)
    }

    /// Tokens travel in the fragment, which a browser never sends to a server.
    var page: String {
        "\(address)/#" + tokens.map { "\($0.user)=\($0.token)" }.joined(separator: "&")
    }

    var text: String {
        var text = """

            Jackfield serves a demo. Open this page, which acts as both users:

              \(page)


            """
        for (user, token) in tokens {
            text += "A token for \(user):\n\n  \(token)\n\n"
        }
        let (to, by) = (tokens[1].user, tokens[0])
        if pushes {
            text += """
                Push a notification to \(to), who need not be online:

                  curl -sS \(address)\(Self.push.path) -H 'Authorization: Bearer \(by.token)' -H 'Content-Type: application/json' -d '{"user_id":"\(to)","type":"greeting","title":"Hello from curl"}'


                """
        } else {
            text += """
                Nothing serves \(Self.push.method) \(Self.push.path): add --plugin notifications to push from the command line and from the page.


                """
        }
        return text + "Ctrl-C stops it.\n\n"
    }
}
