import Identity
import RawJSON
import Support

/// The text that a demo prints when it is ready: the page's address, a token for each of two users, and a command that
/// pushes a notification.
struct DemoBanner {
    static let users = ["alice", "bob"]

    /// Lifetime of the tokens in seconds: one day.
    static let timeToLive: Int64 = 24 * 60 * 60

    /// The scope of both tokens, so that the page can push notifications for either user.
    static let scope = "notifications:write"

    /// The route that pushes a notification. A plugin serves it.
    static let push: (method: ByteString, path: String) = ("POST", "/v1/notifications")

    let address: String
    let tokens: [(user: String, token: String)]
    private let pushes: Bool

    /// Returns `nil` if only a public key is configured, with which the demo cannot sign tokens.
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

    /// The page's URL. The tokens are in its fragment, which browsers do not send to servers.
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
