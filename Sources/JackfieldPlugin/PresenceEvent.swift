/// A user has come online (0 to 1 connections) or gone offline (1 to 0, after the grace period).
public struct PresenceEvent: Sendable, Equatable {
    public let user: String
    public let isOnline: Bool

    /// Milliseconds since 1970-01-01 UTC.
    public let at: Int64

    init(_ change: jf_presence_change) {
        user = String(change.user)
        isOnline = change.online != 0
        at = change.at
    }
}
