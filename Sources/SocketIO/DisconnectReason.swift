import EngineIO

/// Why a socket is gone. The raw values are the texts that Socket.IO's documentation lists.
public enum DisconnectReason: String, Sendable, Hashable, CaseIterable {
    /// The connection broke.
    case transportError = "transport error"
    /// The client closed the connection, or it was lost.
    case transportClose = "transport close"
    /// The client sent what is no Socket.IO packet.
    case forcedClose = "forced close"
    /// The client did not answer a ping in time.
    case pingTimeout = "ping timeout"
    /// The client sent what is no Engine.IO packet.
    case parseError = "parse error"
    case serverShuttingDown = "server shutting down"
    /// The client broke the rules of namespaces: it joined none in time, or spoke to one it is not in.
    case forcedServerClose = "forced server close"
    /// The client left the namespace and keeps its connection.
    case clientNamespaceDisconnect = "client namespace disconnect"
    /// The server made the socket leave. The client does not come back by itself.
    case serverNamespaceDisconnect = "server namespace disconnect"

    init(_ reason: CloseReason) {
        switch reason {
        case .transportError: self = .transportError
        case .transportClose: self = .transportClose
        case .forcedClose: self = .forcedClose
        case .pingTimeout: self = .pingTimeout
        case .parseError: self = .parseError
        case .serverShuttingDown: self = .serverShuttingDown
        }
    }

    /// Whether the client lost the connection rather than left: then its session is kept for it, where recovery is on.
    public var isRecoverable: Bool {
        switch self {
        case .transportError, .transportClose, .forcedClose, .pingTimeout, .serverShuttingDown, .forcedServerClose: true
        case .parseError, .clientNamespaceDisconnect, .serverNamespaceDisconnect: false
        }
    }
}
