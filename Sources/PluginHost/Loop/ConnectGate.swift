import SocketIO

/// The daemon's say on connections: it comes before the plugins' `admit` hooks. [loop]
public protocol ConnectGate: Sendable {
    /// Must not block: it runs on the event loop.
    func decide(_ attempt: ConnectAttempt) -> ConnectVerdict
}
