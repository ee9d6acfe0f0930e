/// A user has come online (0 to 1 connections) or gone offline (1 to 0, after the grace).
public struct PresenceEdge: Sendable, Equatable {
    public let user: String
    public let isOnline: Bool

    /// Milliseconds since 1970-01-01 UTC.
    public let at: Int64

    init(_ edge: jf_presence_edge) {
        user = String(edge.user)
        isOnline = edge.online != 0
        at = edge.at
    }
}
