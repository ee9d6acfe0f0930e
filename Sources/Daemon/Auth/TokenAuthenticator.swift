import Identity
import PluginHost
import RawJSON
import SocketIO
import Support
import Transport

/// Decides who a client is, from the token it brings: on the handshake of a socket and on every HTTP
/// request, by the same rules.
///
/// Immutable but for what it remembers, and quick enough for an event loop: it computes and waits for nothing.
struct TokenAuthenticator: Sendable {
    /// `nil`: `auth: false`, the core looks at no token.
    private let verifier: TokenVerifier?
    /// The tokens of requests: a sender brings the same one with each. Clients bring theirs once, when they connect.
    private let requestTokens: VerifiedTokens?
    private let required: Bool

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

    /// How far past its expiry a token is still good, in ms.
    var leeway: Int64 { verifier?.configuration.leeway ?? 0 }

    /// Whether tokens are looked at.
    var isEnabled: Bool { verifier != nil }

    /// Who connects with this CONNECT payload; `nil` is anonymous.
    func identify(auth payload: [UInt8], now: Int64) throws(TokenRefusal) -> TokenSubject? {
        guard let verifier else { return nil }
        guard let token = try Self.token(in: payload) else {
            guard required else { return nil }
            throw TokenRefusal(.missing, "no token: send it as auth.token")
        }
        return try verifier.verify(token, now: now)
    }

    /// Who asks with this `Authorization` header; `nil` is anonymous. A header that is there must be right.
    func identify(authorization: UnsafeRawBufferPointer?, now: Int64) throws(TokenRefusal) -> TokenSubject? {
        guard let requestTokens, let authorization else { return nil }
        return try requestTokens.verify(authorization, now: now)
    }

    /// Who brings this token in place of an older one.
    func identify(token: String, now: Int64) throws(TokenRefusal) -> TokenSubject {
        guard let verifier else {
            throw TokenRefusal(.missing, "this host looks at no tokens: there is nothing to refresh")
        }
        return try verifier.verify(token, now: now)
    }

    /// The text at `token` in a CONNECT payload; `nil` if there is none, or `null` or an empty text, which is what
    /// clients send that have none.
    private static func token(in payload: [UInt8]) throws(TokenRefusal) -> String? {
        guard case .object? = (try? JSONPointer.find("", in: payload))?.kind,
            let found = try? JSONPointer.find("/token", in: payload)
        else { return nil }
        // Only the member is parsed: a CONNECT payload may be as large as a message.
        switch try? JSONValue(parsing: Array(payload[found.range])) {
        case .null?: return nil
        case .string(let text)?: return text.isEmpty ? nil : text.text
        default: throw TokenRefusal(.malformed, "auth.token is no text: send the token as a string")
        }
    }
}

/// No valid token, no socket: a CONNECT_ERROR says why, with the code that clients can act on.
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

/// The same tokens over HTTP: 401 without or with a wrong one, 403 without the scope a route asks for.
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
            // Where the core looks at no token nobody can show one: the plugins decide.
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
    /// Who a verified token names.
    init(_ identity: TokenSubject) {
        self.init(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt)
    }
}
