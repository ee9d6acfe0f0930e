import EngineIO

/// What lies above the protocol. There is one for each shard, so it may keep state of its loop without a lock.
///
/// All calls come on the shard's loop and must not block it. Any of them may call back into the shard and its sockets.
public protocol Application: AnyObject {
    /// A client asks to join a namespace that exists. Ends in ``ConnectAttempt/accept(user:claims:expiresAt:)`` or
    /// ``ConnectAttempt/refuse(message:data:)``, now or later, on this loop. Who the client is must be verified each
    /// time, also where it asks for a session that it had; further questions may then be skipped by
    /// ``ConnectAttempt/resume(user:claims:expiresAt:else:)``.
    func connect(_ attempt: ConnectAttempt)

    /// The socket is in its namespace and its CONNECT answer is on its way. ``NamespaceSocket/isRecovered`` tells
    /// a socket that came back.
    func connected(_ socket: NamespaceSocket)

    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket)

    /// The socket is about to go and still in its rooms; what is emitted to it is lost.
    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason)

    /// The socket is gone: its rooms are left and its handle is stale. The last call about it.
    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason)
}

/// An event that a client sent. Its pointers are valid during ``Application/event(_:from:)`` only.
public struct IncomingEvent: ~Copyable {
    /// UTF-8 text, escapes decoded. A name that was sent as a number is its digits.
    public let name: UnsafeRawBufferPointer

    /// The arguments as one JSON array, valid and as they came; `[]` when there are none. Attachments are
    /// `{"_placeholder":true,"num":n}`, each `n` an index into ``attachments``.
    public let args: UnsafeRawBufferPointer

    /// What the placeholders stand for; empty for an event without attachments, whose placeholders are plain data.
    public let attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>

    /// Set when the client wants an ack: hand it to ``NamespaceSocket/ack(_:args:attachments:)``, at most once.
    public let ackID: UInt64?
}

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
