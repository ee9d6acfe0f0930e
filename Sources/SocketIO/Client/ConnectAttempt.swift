import EngineIO
import Support

/// A client's CONNECT that waits for the application's decision. [loop]
///
/// Decide once, on the loop, when you like: what comes after the first decision, or after the client has gone, does
/// nothing. Packets that the client sends to the namespace meanwhile wait, within ``SocketOptions/maxHeldPackets``.
public final class ConnectAttempt {
    public let namespace: ByteString

    /// The CONNECT payload, a raw JSON object; `{}` when there was none.
    public let auth: [UInt8]

    /// Whether the packet had a payload.
    public let hasAuth: Bool

    public let handshakeRequest: HandshakeRequest

    public unowned let shard: Shard

    /// Unique among all connections of the process: the same for all namespaces of one client.
    public let connection: UInt64

    /// The application's own, handed on to ``NamespaceSocket/userInfo`` when the attempt is accepted.
    public var userInfo: AnyObject?

    /// Whether the application is asked about the client also when it comes back to its session: it has given the
    /// socket more than a token says, which ``resume(user:claims:expiresAt:else:)`` could not give again.
    public var alwaysRunsMiddlewares = false

    /// The session that the client asks to have back, until somebody has looked for it. `nil` where recovery is off.
    var request: RecoveryRequest?

    /// That session, taken out for the client.
    var session: RecoveredSession?

    let scope: Namespace

    /// `{}`: one array for all sockets that have nothing to say.
    public static let emptyObject = Array("{}".utf8)

    /// `nil` once the attempt is over or its client gone.
    private(set) var client: Client?

    /// The application has decided. The attempt is over when the session that the client asks for is
    /// found, or found missing.
    private var isDecided = false

    /// What came for the namespace since.
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

    /// Whether there is still something to decide.
    public var isPending: Bool { client != nil && !isDecided }

    /// Lets the client in, into the session that it asks for if that is kept for this user.
    ///
    /// - Parameters:
    ///   - user: whose socket it is; joins it to the room `user:<id>`. `nil` is anonymous.
    ///   - claims: a raw JSON object for the application, kept with the socket.
    ///   - expiresAt: when the claims end, in ms since 1970. Kept with the socket; nothing here acts on it.
    public func accept(user: ByteString? = nil, claims: [UInt8] = ConnectAttempt.emptyObject, expiresAt: Int64? = nil) {
        guard isPending else { return }
        isDecided = true
        let credentials = SocketCredentials(user: user, claims: claims, expiresAt: expiresAt)
        guard let request else { return enter(as: credentials) }
        shard.recover(self, request, as: user) { [self] in enter(as: credentials) }
    }

    /// Lets the client in at once if it asks for a session that is kept for this very user, recovery skips middlewares,
    /// and the session was not ``alwaysRunsMiddlewares``; else calls `runMiddlewares`.
    ///
    /// - Parameters:
    ///   - user, claims, expiresAt: as the client's token says, which must have been verified.
    ///   - runMiddlewares: what decides otherwise. Called on this loop, perhaps after other events.
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

    /// Sends CONNECT_ERROR. The client keeps its connection and may ask again.
    ///
    /// - Parameter data: raw JSON of any kind, for the client's `error.data`.
    public func refuse(message: String, data: [UInt8]? = nil) {
        guard isPending, let client = conclude() else { return }
        client.sendConnectError(self, message: message, data: data)
    }

    /// Ends the waiting; `nil` if it had ended before.
    func conclude() -> Client? {
        guard let client else { return nil }
        self.client = nil
        scope.pendingAttempts -= 1
        client.forget(self)
        return client
    }
}

/// Who a socket is, as the application said when it let the socket in.
struct SocketCredentials {
    var user: ByteString?
    var claims: [UInt8]
    var expiresAt: Int64?
}
