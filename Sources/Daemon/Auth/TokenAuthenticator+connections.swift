import Identity
import PluginHost
import RawJSON
import SocketIO
import Support

/// No valid token, no socket: a CONNECT_ERROR says why, with the code that clients can act on.
extension TokenAuthenticator: ConnectAuthenticator {
    func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult {
        do throws(TokenRefusal) {
            guard let identity = try identify(auth: attempt.auth, now: Clock.wallMilliseconds) else { return .accept(ClientIdentity()) }
            return .accept(ClientIdentity(identity))
        } catch {
            return .refuse(message: error.message, data: JSONValue.object([.init("code", .string(error.code.rawValue))]).serialized)
        }
    }
}
