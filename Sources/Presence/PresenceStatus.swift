import Support

/// How one user stands at one moment.
public struct PresenceStatus: Sendable, Hashable {
    public let user: ByteString

    /// Whether others see the user as online. During the grace period this is still so, though ``connections`` is 0.
    public let isOnline: Bool

    public let connections: Int

    /// When the last connection ended, in milliseconds since 1970; `nil` while there is one, and for users never seen or forgotten since.
    public let lastSeen: Int64?

    public init(user: ByteString, isOnline: Bool, connections: Int, lastSeen: Int64?) {
        self.user = user
        self.isOnline = isOnline
        self.connections = connections
        self.lastSeen = lastSeen
    }
}
