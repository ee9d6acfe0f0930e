import Transport

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
