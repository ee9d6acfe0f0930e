import Identity
import PluginHost
import Support
import Transport

/// The same tokens over HTTP: 401 without or with a wrong one, 403 without the scope a route asks for.
extension TokenAuthenticator: HTTPAuthenticator {
    func authenticate(_ request: HTTPRequest, _ access: RouteAccess) -> HTTPAuthResult {
        request.withBytes { bytes in
            do throws(TokenRefusal) {
                return admit(try identify(authorization: bytes.header("authorization"), now: Clock.wallMilliseconds), access)
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
                status: 401, code: TokenRefusal.Code.missing.rawValue, detail: "no token: send it as 'Authorization: Bearer <token>'")
        }
        if let scope = access.scope, !identity.hasScope(scope) {
            return .refuse(status: 403, code: "scope_missing", detail: "the token does not grant the scope '\(scope)'")
        }
        return .accept(ClientIdentity(identity))
    }
}
