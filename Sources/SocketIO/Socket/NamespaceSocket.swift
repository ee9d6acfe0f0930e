import EngineIO
import Support

/// One client in one namespace. [loop]
///
/// Holds no lock and no buffer; what it emits is encoded straight into its session's output. After ``Application/disconnected(_:reason:)``
/// everything on it is harmless and does nothing.
public final class NamespaceSocket {
    /// How other threads name it.
    public let handle: SocketHandle

    public let namespace: Namespace

    /// Whose socket it is; `nil` is anonymous.
    public let user: ByteString?

    /// A raw JSON object, the application's.
    public var claims: [UInt8]

    /// When the claims end, in ms since 1970.
    public var expiresAt: Int64?

    /// The application's own, for ``expiresAt``.
    public var expiryTimer = TimerID.none

    /// Raw JSON, the application's; comes back with a recovered socket.
    public var data: [UInt8]

    /// The CONNECT payload, a raw JSON object.
    public let auth: [UInt8]

    /// The application's own.
    public var userInfo: AnyObject?

    /// Whether it is in its namespace: until just before ``Application/disconnected(_:reason:)``.
    public internal(set) var isConnected = true

    /// Its ``Application/disconnecting(_:reason:)`` has begun.
    var isLeaving = false

    let socketID: SocketID
    let client: Client
    let session: Session

    /// ``ConnectAttempt/alwaysRunsMiddlewares``.
    let alwaysRunsMiddlewares: Bool

    /// Recovery: the private id, and whether the socket had been here before. `nil` where recovery is off.
    var socketRecovery: SocketRecovery?

    /// The broadcast that has last seen the socket, or left it out: delivers once to a union of rooms without a set.
    var mark: UInt64 = 0

    /// The rooms, the namespace's own first. Those past ``searchable`` are found through ``places``.
    var memberships: ContiguousArray<RoomMembership> = []
    var places: [ObjectIdentifier: Int32] = [:]

    var pendingAcks: [UInt64: PendingAck] = [:]

    init(handle: SocketHandle, id: SocketID, namespace: Namespace, client: Client, credentials: SocketCredentials, attempt: ConnectAttempt) {
        self.handle = handle
        self.socketID = id
        self.namespace = namespace
        self.client = client
        self.session = client.session
        self.user = credentials.user
        self.claims = credentials.claims
        self.expiresAt = credentials.expiresAt
        self.data = ConnectAttempt.emptyObject
        self.auth = attempt.auth
        self.alwaysRunsMiddlewares = attempt.alwaysRunsMiddlewares
        self.userInfo = attempt.userInfo
    }

    /// What the client calls `socket.id`; also the name of a room with just this socket in it.
    public var id: ByteString { ByteString(socketID.text) }

    /// How many bytes ``id`` has.
    public static let idLength = SocketID.length

    /// Writes the ``idLength`` bytes of ``id`` to `target`.
    @inline(__always)
    public func writeID(to target: UnsafeMutableRawPointer) { socketID.write(to: target) }

    public var handshakeRequest: HandshakeRequest { session.handshakeRequest }

    /// Unique among all connections of the process: the same for all namespaces of one client.
    public var connection: UInt64 { client.connection }

    public var shard: Shard { client.shard }

    /// Whether recovery brought it back, with its id, rooms, data, and missed events.
    public var isRecovered: Bool { socketRecovery?.isRecovered ?? false }

    /// Leaves the namespace.
    ///
    /// - Parameter close: `false` sends DISCONNECT, and the client's other namespaces go on; it does not come back by itself.
    ///   `true` leaves all namespaces of the client and closes its connection.
    public func disconnect(close: Bool = false) {
        guard isConnected else { return }
        if close {
            client.disconnectAll()
        } else {
            client.leave(self, reason: .serverNamespaceDisconnect, tellingClient: true)
        }
    }

    /// Closes the whole connection without a DISCONNECT packet, so that the client reconnects and asks its application for a token again:
    /// what the end of a token, or of a host, calls for. The session can be recovered.
    public func closeConnection(_ reason: CloseReason = .forcedClose) {
        guard isConnected else { return }
        client.shut(DisconnectReason(reason), closing: reason)
    }
}
