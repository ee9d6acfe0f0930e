import EngineIO

/// The code above the protocol. Each shard has its own instance, so the instance may keep per-loop state without a
/// lock.
///
/// All calls are made on the shard's loop and must not block it. Each of them may call the shard and its sockets.
public protocol Application: AnyObject {
    /// A client asks to join a namespace that exists. The application must call
    /// ``ConnectAttempt/accept(user:claims:expiresAt:)`` or ``ConnectAttempt/refuse(message:data:)``, now or later, on
    /// this loop. It must verify the client's identity each time, also if the client asks to recover a session; it may
    /// then skip its other checks with ``ConnectAttempt/resume(user:claims:expiresAt:else:)``.
    func connect(_ attempt: ConnectAttempt)

    /// The socket has joined its namespace and its CONNECT answer is queued. ``NamespaceSocket/isRecovered`` is true if
    /// recovery restored the socket.
    func connected(_ socket: NamespaceSocket)

    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket)

    /// The socket is about to leave and still in its rooms; events emitted to it are lost.
    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason)

    /// The socket has left its rooms and its handle is stale. This is the last call for the socket.
    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason)
}

/// An event that a client sent. Its pointers are valid during ``Application/event(_:from:)`` only.
public struct IncomingEvent: ~Copyable {
    /// UTF-8 text, escapes decoded. If the client sent a number as the name, its digits.
    public let name: UnsafeRawBufferPointer

    /// The arguments as one JSON array, validated and otherwise unchanged; `[]` without arguments.
    /// Attachments are `{"_placeholder":true,"num":n}`, each `n` an index into ``attachments``.
    public let args: UnsafeRawBufferPointer

    /// The attachments that the placeholders refer to. Empty for an event without attachments; its placeholders are
    /// plain data.
    public let attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>

    /// Set if the client wants an ack: pass it to ``NamespaceSocket/ack(_:args:attachments:)``, at most once.
    public let ackID: UInt64?
}

/// Why a socket was disconnected. The raw values are the texts in Socket.IO's documentation.
public enum DisconnectReason: String, Sendable, Hashable, CaseIterable {
    /// The connection broke.
    case transportError = "transport error"
    /// The client closed the connection, or it was lost.
    case transportClose = "transport close"
    /// The client sent something that is not a Socket.IO packet, or the server closed the connection: see
    /// ``NamespaceSocket/closeConnection(_:)``.
    case forcedClose = "forced close"
    /// The client did not answer a ping in time.
    case pingTimeout = "ping timeout"
    /// The client sent something that is not an Engine.IO packet.
    case parseError = "parse error"
    case serverShuttingDown = "server shutting down"
    /// The client joined no namespace in time, or sent a packet to a namespace that it had not joined.
    case forcedServerClose = "forced server close"
    /// The client left the namespace and keeps its connection.
    case clientNamespaceDisconnect = "client namespace disconnect"
    /// The server disconnected the socket. The client does not reconnect by itself.
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

    /// Whether the client lost the connection and did not leave on purpose: recovery, if enabled, then keeps its
    /// session.
    public var isRecoverable: Bool {
        switch self {
        case .transportError, .transportClose, .forcedClose, .pingTimeout, .serverShuttingDown, .forcedServerClose: true
        case .parseError, .clientNamespaceDisconnect, .serverNamespaceDisconnect: false
        }
    }
}
