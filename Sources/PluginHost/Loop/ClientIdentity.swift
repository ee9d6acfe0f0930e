import Support

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
    func withBytes<Result>(_ body: (_ user: UnsafeRawBufferPointer, _ claims: UnsafeRawBufferPointer) -> Result) -> Result {
        (user ?? "").withBytes { user in
            claims.withUnsafeBytes { body(user, $0) }
        }
    }
}
