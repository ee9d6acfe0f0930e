/// Who a verified token speaks for.
public struct UserIdentity: Sendable, Hashable {
    /// The user claim; an integer is written in decimal. Never empty.
    public let user: String

    /// The token's payload, byte for byte as it was signed: one valid JSON object.
    public let claims: [UInt8]

    /// The `exp` claim in milliseconds since 1970, leeway not added; `nil` if the token never expires.
    public let expiresAt: Int64?

    /// What the `scope` claim names, in its order: a string separated by spaces (RFC 8693), or an array of strings. Empty without one.
    public let scopes: [String]

    public init(user: String, claims: [UInt8], expiresAt: Int64?, scopes: [String]) {
        self.user = user
        self.claims = claims
        self.expiresAt = expiresAt
        self.scopes = scopes
    }

    public func hasScope(_ scope: String) -> Bool {
        scopes.contains(scope)
    }
}
