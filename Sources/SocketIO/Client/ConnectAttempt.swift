import EngineIO
import Support

/// A client's CONNECT that waits for the application's decision. [loop]
///
/// The application decides once, at any time, on the loop. A decision after the first one, or after the client has
/// disconnected, does nothing. Packets that the client sends to the namespace in the meantime are held, up to
/// ``SocketOptions/maxHeldPackets``.
public final class ConnectAttempt {
    public let namespace: ByteString

    /// The CONNECT payload, a raw JSON object; `{}` if there was none.
    public let auth: [UInt8]

    /// Whether the packet had a payload.
    public let hasAuth: Bool

    public let handshakeRequest: HandshakeRequest

    public unowned let shard: Shard

    /// Unique among all connections of the process, and the same for all namespaces of one client.
    public let connection: UInt64

    /// Owned by the application, copied to ``NamespaceSocket/userInfo`` when the attempt is accepted.
    public var userInfo: AnyObject?

    /// Whether recovering the session also runs the middlewares. The application sets it if it gave the socket more
    /// than its token contains, which ``resume(user:claims:expiresAt:else:)`` could not restore.
    public var alwaysRunsMiddlewares = false

    /// The session that the client asks to recover; cleared when the search for it begins. `nil` if recovery is off.
    var request: RecoveryRequest?

    /// The session found for ``request``, no longer in the store.
    var session: RecoveredSession?

    let scope: Namespace

    /// `{}`: one array, shared by all sockets without claims, data or a payload.
    public static let emptyObject = Array("{}".utf8)

    /// `nil` once the attempt has ended or its client has disconnected.
    private(set) var client: Client?

    /// The application has decided. The attempt only ends after the search for the requested session.
    private var isDecided = false

    /// Packets that the client sent to the namespace since its CONNECT.
    var held: [BufferedPacket] = []

    init(client: Client, scope: Namespace, auth: [UInt8]?) {
        self.client = client
        self.scope = scope
        self.namespace = scope.name
        self.auth = auth ?? Self.emptyObject
        self.hasAuth = auth != nil
        self.handshakeRequest = client.session.handshakeRequest
        self.shard = client.shard
        self.connection = client.connection
        scope.pendingAttempts += 1
    }

    /// Whether the attempt still needs a decision.
    public var isPending: Bool { client != nil && !isDecided }

    /// Accepts the client, with the session that it asks for if that session exists and belongs to `user`.
    ///
    /// - Parameters:
    ///   - user: the user that the socket belongs to; the socket joins the room `user:<id>`. `nil` is anonymous.
    ///   - claims: a raw JSON object for the application, kept with the socket.
    ///   - expiresAt: when the claims expire, in ms since 1970. Stored with the socket; this module does not act on it.
    public func accept(user: ByteString? = nil, claims: [UInt8] = ConnectAttempt.emptyObject, expiresAt: Int64? = nil) {
        guard isPending else { return }
        isDecided = true
        let credentials = SocketCredentials(user: user, claims: claims, expiresAt: expiresAt)
        guard let request else { return enter(as: credentials) }
        shard.recover(self, request, as: user) { [self] in enter(as: credentials) }
    }

    /// Accepts the client without middlewares if it asks for a session that exists and belongs to `user`, recovery
    /// skips middlewares, and ``alwaysRunsMiddlewares`` was not set for the session; otherwise calls `runMiddlewares`.
    ///
    /// - Parameters:
    ///   - user, claims, expiresAt: from the client's token, which the caller has verified.
    ///   - runMiddlewares: makes the decision. Called on this loop, at once or after other events.
    public func resume(user: ByteString?, claims: [UInt8], expiresAt: Int64?, else runMiddlewares: @escaping () -> Void)
    {
        guard isPending, let request, let recovery = shard.options.recovery, recovery.options.skipMiddlewares,
            recovery.resumes(request, namespace: namespace, user: user)
        else { return runMiddlewares() }
        shard.recover(self, request, as: user) { [self] in
            guard session != nil else { return runMiddlewares() }
            accept(user: user, claims: claims, expiresAt: expiresAt)
        }
    }

    private func enter(as credentials: SocketCredentials) {
        guard let client = conclude() else { return }
        client.admit(self, credentials: credentials)
    }

    /// Refuses the client with CONNECT_ERROR. The client keeps its connection and may ask again.
    ///
    /// - Parameter data: raw JSON of any kind, for the client's `error.data`.
    public func refuse(message: String, data: [UInt8]? = nil) {
        guard isPending, let client = conclude() else { return }
        client.sendConnectError(self, message: message, data: data)
    }

    /// Ends the attempt; returns `nil` if it had ended before.
    func conclude() -> Client? {
        guard let client else { return nil }
        self.client = nil
        scope.pendingAttempts -= 1
        client.forget(self)
        return client
    }
}

/// The identity of a socket, as the application gave it on acceptance.
struct SocketCredentials {
    var user: ByteString?
    var claims: [UInt8]
    var expiresAt: Int64?
}
