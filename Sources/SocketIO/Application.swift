/// What lies above the protocol. There is one for each shard, so it may keep state of its loop without a lock.
///
/// All calls come on the shard's loop and must not block it. Any of them may call back into the shard and its sockets.
public protocol Application: AnyObject {
    /// A client asks to join a namespace that exists. Ends in ``ConnectAttempt/accept(user:claims:expiresAt:)`` or
    /// ``ConnectAttempt/refuse(message:data:)``, now or later, on this loop. Who the client is must be verified each time, also where it
    /// asks for a session that it had; further questions may then be skipped by ``ConnectAttempt/resume(user:claims:expiresAt:else:)``.
    func connect(_ attempt: ConnectAttempt)

    /// The socket is in its namespace and its CONNECT answer is on its way. ``NamespaceSocket/isRecovered`` tells a socket that came back.
    func connected(_ socket: NamespaceSocket)

    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket)

    /// The socket is about to go and still in its rooms; what is emitted to it is lost.
    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason)

    /// The socket is gone: its rooms are left and its handle is stale. The last call about it.
    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason)
}
