import SocketIO

/// The daemon's say on connections: it comes before the plugins' `admit` hooks. [loop]
public protocol ConnectAuthenticator: Sendable {
    /// Must not block: it runs on the event loop.
    func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult
}
