import SocketIO
import Support
import Transport

/// The daemon's say on connections: it comes before the plugins' `admit` hooks. [loop]
public protocol ConnectAuthenticator: Sendable {
    /// Must not block: it runs on the event loop.
    func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult
}

/// What is decided about a client that asks to join a namespace.
public enum ConnectAuthResult: Sendable {
    case accept(ClientIdentity)
    /// CONNECT_ERROR; `data` is JSON.
    case refuse(message: String, data: [UInt8]?)
}

/// What is decided about a request.
public enum HTTPAuthResult: Sendable {
    case accept(ClientIdentity)
    /// `application/problem+json`: 401 without or with a wrong token, 403 without the scope.
    case refuse(status: Int, code: String, detail: String)
}

/// The daemon's say on requests to routes that look at the Authorization header. [loop]
public protocol HTTPAuthenticator: Sendable {
    /// Must not block: it runs on the event loop. Not asked for routes whose token is `ignored`.
    func authenticate(_ request: HTTPRequest, _ access: RouteAccess) -> HTTPAuthResult
}

/// Who somebody is, as far as a token says. Shared by sockets and HTTP.
public struct ClientIdentity: Sendable {
    /// The user; `nil` is anonymous.
    public var user: ByteString?
    /// The token's claims, a JSON object.
    public var claims: [UInt8]
    /// When the token ends, in ms since 1970; `nil`: never.
    public var expiresAt: Int64?

    /// What somebody without a token claims.
    public static let noClaims = Array("{}".utf8)

    public init(user: ByteString? = nil, claims: [UInt8] = noClaims, expiresAt: Int64? = nil) {
        self.user = user
        self.claims = claims
        self.expiresAt = expiresAt
    }

    /// Lends user, empty if anonymous, and claims as they lie in memory, for the call.
    @inline(__always)
    func withBytes<Result>(_ body: (_ user: UnsafeRawBufferPointer, _ claims: UnsafeRawBufferPointer) -> Result)
        -> Result
    {
        (user ?? "").withBytes { user in
            claims.withUnsafeBytes { body(user, $0) }
        }
    }
}
