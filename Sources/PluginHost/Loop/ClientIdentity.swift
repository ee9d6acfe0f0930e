/// Who somebody is, as far as a token says. Shared by sockets and HTTP.
public struct ClientIdentity: Sendable {
    /// The user; `nil` is anonymous.
    public var user: String?
    /// The token's claims, a JSON object.
    public var claims: [UInt8]
    /// When the token ends, in ms since 1970; `nil`: never.
    public var expiresAt: Int64?

    public init(user: String? = nil, claims: [UInt8] = Array("{}".utf8), expiresAt: Int64? = nil) {
        self.user = user
        self.claims = claims
        self.expiresAt = expiresAt
    }
}
