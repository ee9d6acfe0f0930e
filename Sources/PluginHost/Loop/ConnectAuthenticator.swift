import SocketIO
import Support
import Transport

/// The daemon's check of connections. Runs before the plugins' `admit` hooks. [loop]
public protocol ConnectAuthenticator: Sendable {
    /// Must not block: it runs on the event loop.
    func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult
}

/// The decision about a client that asks to join a namespace.
public enum ConnectAuthResult: Sendable {
    case accept(ClientIdentity)
    /// CONNECT_ERROR; `data` is JSON.
    case refuse(message: String, data: [UInt8]?)
}

/// The decision about an HTTP request.
public enum HTTPAuthResult: Sendable {
    case accept(ClientIdentity)
    /// `application/problem+json`: 401 without or with a wrong token, 403 without the scope.
    case refuse(status: Int, code: String, detail: String)
}

/// The daemon's check of requests to routes that use the Authorization header. [loop]
public protocol HTTPAuthenticator: Sendable {
    /// Must not block: it runs on the event loop. Not called for routes whose token is `ignored`.
    func authenticate(_ request: HTTPRequest, _ access: RouteAccess) -> HTTPAuthResult
}

/// The identity that a token states. Used for sockets and HTTP.
public struct ClientIdentity: Sendable {
    /// The user; `nil` is anonymous.
    public var user: ByteString?
    /// The token's claims, a JSON object.
    public var claims: [UInt8]
    /// When the token expires, in ms since 1970; `nil`: never.
    public var expiresAt: Int64?

    /// The claims of a client without a token.
    public static let noClaims = Array("{}".utf8)

    public init(user: ByteString? = nil, claims: [UInt8] = noClaims, expiresAt: Int64? = nil) {
        self.user = user
        self.claims = claims
        self.expiresAt = expiresAt
    }

    /// Passes the user (empty if anonymous) and the claims, without copying; valid for the call.
    @inline(__always)
    func withBytes<Result>(_ body: (_ user: UnsafeRawBufferPointer, _ claims: UnsafeRawBufferPointer) -> Result)
        -> Result
    {
        (user ?? "").withBytes { user in
            claims.withUnsafeBytes { body(user, $0) }
        }
    }
}
