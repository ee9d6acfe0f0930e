import Identity
import PluginHost
import RawJSON
import SocketIO
import Support
import Transport

/// Identifies a client by its token, by the same rules for the CONNECT of a socket and for every HTTP request.
///
/// Its rules are immutable, except for a cache of verified tokens, and may be replaced. It does not block, so it may be
/// called on an event loop, and only there.
final class TokenAuthenticator: Sendable {
    /// The keys and rules of one configuration.
    final class Rules: Sendable {
        /// `nil` with `auth: false`: the core ignores tokens.
        fileprivate let verifier: TokenVerifier?
        /// The cache of tokens of HTTP requests, since a sender repeats its token with each request. Sockets send
        /// theirs once.
        fileprivate let requestTokens: VerifiedTokens?
        fileprivate let required: Bool

        init(_ auth: Configuration.Auth?) throws(TokenConfigurationError) {
            if let auth {
                let verifier = try TokenVerifier(auth.verifierConfiguration)
                self.verifier = verifier
                requestTokens = VerifiedTokens(verifier)
                required = auth.required
            } else {
                verifier = nil
                requestTokens = nil
                required = false
            }
        }
    }

    private let rules: Replaceable<Rules>

    init(_ rules: Rules) {
        self.rules = Replaceable(rules)
    }

    /// Puts other rules in force for the tokens that are verified from now on; sockets stay as they are.
    ///
    /// - Returns: the old rules. The caller keeps them until each loop has run a job.
    func adopt(_ rules: Rules) -> Rules { self.rules.replace(by: rules) }

    /// How long a token is accepted after its expiry, in ms.
    var leeway: Int64 { rules.withCurrent { $0.verifier?.configuration.leeway ?? 0 } }

    /// Whether tokens are verified.
    var isEnabled: Bool { rules.withCurrent { $0.verifier != nil } }

    /// Identifies the sender of a CONNECT payload; `nil`: anonymous.
    func identify(auth payload: [UInt8], now: Int64) throws(TokenRefusal) -> TokenSubject? {
        try rules.withCurrent { rules throws(TokenRefusal) in
            guard let verifier = rules.verifier else { return nil }
            guard let token = try Self.token(in: payload) else {
                guard rules.required else { return nil }
                throw TokenRefusal(.missing, "no token: send it as auth.token")
            }
            return try verifier.verify(token, now: now)
        }
    }

    /// Identifies the sender of an `Authorization` header; `nil`: anonymous. An invalid header is refused.
    func identify(authorization: UnsafeRawBufferPointer?, now: Int64) throws(TokenRefusal) -> TokenSubject? {
        try rules.withCurrent { rules throws(TokenRefusal) in
            guard let requestTokens = rules.requestTokens, let authorization else { return nil }
            return try requestTokens.verify(authorization, now: now)
        }
    }

    /// Identifies the sender of a token that replaces an older one.
    func identify(token: String, now: Int64) throws(TokenRefusal) -> TokenSubject {
        try rules.withCurrent { rules throws(TokenRefusal) in
            guard let verifier = rules.verifier else {
                throw TokenRefusal(.missing, "this host looks at no tokens: there is nothing to refresh")
            }
            return try verifier.verify(token, now: now)
        }
    }

    /// The text at `token` in a CONNECT payload; `nil` if it is absent, `null` or empty. Clients without a token send
    /// any of these.
    private static func token(in payload: [UInt8]) throws(TokenRefusal) -> String? {
        guard case .object? = (try? JSONPointer.find("", in: payload))?.kind,
            let found = try? JSONPointer.find("/token", in: payload)
        else { return nil }
        // Only this member is parsed, because a CONNECT payload may be as large as a message.
        switch try? JSONValue(parsing: Array(payload[found.range])) {
        case .null?: return nil
        case .string(let text)?: return text.isEmpty ? nil : text.text
        default: throw TokenRefusal(.malformed, "auth.token is no text: send the token as a string")
        }
    }
}

/// Without a valid token there is no socket: the client gets a CONNECT_ERROR with a code that programs can use.
extension TokenAuthenticator: ConnectAuthenticator {
    func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult {
        do throws(TokenRefusal) {
            guard let identity = try identify(auth: attempt.auth, now: Clock.wallMilliseconds) else {
                return .accept(ClientIdentity())
            }
            return .accept(ClientIdentity(identity))
        } catch {
            return .refuse(
                message: error.message, data: JSONValue.object([.init("code", .string(error.code.rawValue))]).serialized
            )
        }
    }
}

/// Over HTTP a missing or invalid token gets 401, and one without the scope that the route requires gets 403.
extension TokenAuthenticator: HTTPAuthenticator {
    func authenticate(_ request: HTTPRequest, _ access: RouteAccess) -> HTTPAuthResult {
        request.withBytes { bytes in
            do throws(TokenRefusal) {
                return admit(
                    try identify(authorization: bytes.header("authorization"), now: Clock.wallMilliseconds), access)
            } catch {
                return .refuse(status: 401, code: error.code.rawValue, detail: error.message)
            }
        }
    }

    private func admit(_ identity: TokenSubject?, _ access: RouteAccess) -> HTTPAuthResult {
        guard let identity else {
            // If the core ignores tokens, nobody can present one, and the plugins decide.
            guard isEnabled, access.token == .required else { return .accept(ClientIdentity()) }
            return .refuse(
                status: 401, code: TokenRefusal.Code.missing.rawValue,
                detail: "no token: send it as 'Authorization: Bearer <token>'")
        }
        if let scope = access.scope, !identity.hasScope(scope) {
            return .refuse(status: 403, code: "scope_missing", detail: "the token does not grant the scope '\(scope)'")
        }
        return .accept(ClientIdentity(identity))
    }
}

extension ClientIdentity {
    /// The identity that a verified token names.
    init(_ identity: TokenSubject) {
        self.init(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt)
    }
}
