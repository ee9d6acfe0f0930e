import Support

/// Who may call a route.
public struct RouteAccess: Sendable, Equatable {
    /// `JF_AUTH_*`.
    public enum TokenRequirement: Sendable, Equatable {
        /// A valid token, else 401.
        case required
        /// None, or a valid one.
        case optional
        /// The Authorization header is not looked at.
        case ignored
    }

    public var token: TokenRequirement
    /// A scope that the token must grant, else 403; `nil`: none.
    public var scope: ByteString?

    public init(_ token: TokenRequirement, scope: ByteString? = nil) {
        self.token = token
        self.scope = scope
    }

    /// Open to everybody.
    public static let everybody = RouteAccess(.ignored)
}
