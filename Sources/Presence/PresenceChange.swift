import Support

/// A user has come or gone.
public struct PresenceChange: Sendable, Hashable {
    public let user: ByteString

    /// `true` on the change from no connection to one, `false` on that from one to none.
    public let isOnline: Bool

    /// When it happened, in milliseconds since 1970. For those who left this is when their last connection ended, not when the grace period did,
    /// so it equals ``PresenceStatus/lastSeen``.
    public let at: Int64

    public init(user: ByteString, isOnline: Bool, at: Int64) {
        self.user = user
        self.isOnline = isOnline
        self.at = at
    }
}
