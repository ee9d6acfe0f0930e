/// Why a session ended: the raw value is the reference's text, as event handlers and metrics see it.
public enum CloseReason: String, Sendable, Equatable, CaseIterable {
    /// The connection broke, a rule of the transport was broken, or the reader was too slow.
    case transportError = "transport error"
    /// The client closed its side.
    case transportClose = "transport close"
    /// The server closed the session.
    case forcedClose = "forced close"
    /// No pong within `pingTimeout`.
    case pingTimeout = "ping timeout"
    /// A packet could not be read.
    case parseError = "parse error"
    /// The host is stopping.
    case serverShuttingDown = "server shutting down"
}
