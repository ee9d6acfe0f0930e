/// The settings of a daemon, complete and checked: what `docs/jackfield.yaml` explains, as a value.
///
/// Names, units and defaults are Socket.IO's where Socket.IO has the option. A `nil` feature is switched off.
/// `Configuration()` holds the defaults alone; `load(file:environment:overrides:)` is the way to a usable one, because
/// a key for tokens cannot have a default.
public struct Configuration: Sendable, Equatable {
    /// The address to listen on: a name, an IPv4 address, or an IPv6 address without brackets.
    public var host = "127.0.0.1"
    /// The TCP port, 0 to 65535; 0 takes any free one.
    public var port = 8080
    /// Event loops, each with a thread of its own; 0 means one for each core this process may use.
    public var eventLoops = 0
    /// Whether broadcasts may go to the kernel in batches through io_uring, where the kernel allows it.
    public var ioUring = true

    /// The path of the Engine.IO endpoint, without the final slash that requests have.
    public var path = "/socket.io"
    /// What a client may use, never empty, each at most once.
    public var transports = Transport.allCases
    /// Whether a session may move from polling to WebSocket.
    public var allowUpgrades = true
    /// From the last pong to the next ping.
    public var pingInterval = Duration.milliseconds(25_000)
    /// From a ping to the end of a session that does not answer.
    public var pingTimeout = Duration.milliseconds(20_000)
    /// From the probe to the end of an upgrade that is not completed.
    public var upgradeTimeout = Duration.milliseconds(10_000)
    /// From the Engine.IO handshake to the end of a client that joined no namespace.
    public var connectTimeout = Duration.milliseconds(45_000)
    /// Bytes of the largest message a client may send.
    public var maxHttpBufferSize = 1_000_000
    /// Compression of polling responses; `nil`: none.
    public var httpCompression: HTTPCompression? = HTTPCompression()
    /// Compression of WebSocket messages; `nil`: none.
    public var perMessageDeflate: PerMessageDeflate?
    /// Restoring of sessions after a short disconnection; `nil`: none.
    public var connectionStateRecovery: ConnectionStateRecovery?
    /// The cookie of the polling handshake; `nil`: none.
    public var cookie: Cookie?
    /// Who may read responses across origins; `nil`: no CORS headers, and no `Origin` is checked.
    public var cors: CORS? = CORS()

    /// How tokens are verified; `nil`: the core looks at none, and plugins decide.
    public var auth: Auth? = Auth()
    /// How users go online and offline.
    public var presence = Presence()
    /// Namespaces that exist without a plugin declaring them.
    public var namespaces = ["/"]
    /// What to load, in this order.
    public var plugins: [Plugin] = []
    /// Folders in which a plugin's name is looked up, in this order.
    public var pluginPath = Configuration.standardPluginPath

    /// What bounds every queue, buffer and count.
    public var limits = Limits()
    /// What is logged, and how.
    public var log = Log()
    /// Raw echo endpoints for protocol suites; `nil` outside of tests.
    public var conformance: Conformance?
    /// Whether to serve the page for trying things out, with a key made on first start.
    public var demo = false

    /// `DATABASE_URL`: the store of plugins whose own configuration names none.
    public var databaseURL: String?
    /// `REDIS_URL`, for plugins that keep something there.
    public var redisURL: String?

    public init() {}
}
