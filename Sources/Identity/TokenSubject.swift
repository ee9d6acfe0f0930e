import Support

/// Who a verified token speaks for.
public struct TokenSubject: Sendable, Hashable {
    /// The user claim; an integer is written in decimal. Keeps the rules of ``Support/UserID``.
    public let user: ByteString

    /// The token's payload, byte for byte as it was signed: one valid JSON object.
    public let claims: [UInt8]

    /// When the token ends, in milliseconds since 1970, leeway not added: its `exp`, or earlier where a longest age is configured; `nil`: never.
    public let expiresAt: Int64?

    /// What the `scope` claim names, in its order: a string separated by spaces (RFC 8693), or an array of strings. Empty without one.
    public let scopes: [ByteString]

    public init(user: ByteString, claims: [UInt8], expiresAt: Int64?, scopes: [ByteString]) {
        self.user = user
        self.claims = claims
        self.expiresAt = expiresAt
        self.scopes = scopes
    }

    public func hasScope(_ scope: ByteString) -> Bool {
        scopes.contains(scope)
    }
}
