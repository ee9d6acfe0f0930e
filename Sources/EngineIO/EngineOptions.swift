/// Limits and times of an Engine.IO endpoint. Names, units and defaults are those of the reference server, except for
/// the last two groups, which are specific to Jackfield.
public struct EngineOptions: Sendable {
    /// Time from the handshake or the last pong to the next ping; ms.
    public var pingInterval: Int64 = 25_000
    /// Time in which a client must answer a ping before its session ends; ms.
    public var pingTimeout: Int64 = 20_000
    /// Time in which a WebSocket must complete an upgrade, from its handshake to the upgrade packet; ms.
    public var upgradeTimeout: Int64 = 10_000
    /// The largest message and the largest body of a POST that is accepted; bytes (`maxHttpBufferSize`).
    public var maxPayload: Int = 1_000_000
    /// The transports that clients may use.
    public var transports: Set<TransportName> = [.polling, .websocket]
    /// Whether the open packet offers the upgrade. As in the reference, an upgrade without the offer is still accepted.
    public var allowUpgrades = true

    /// Bytes of unsent output. A session that sends more while it exceeds this is ended and counted. The check happens
    /// before a message is added, so it limits how far a reader may lag, not the size of a message.
    public var maxBufferedOutput: Int = 8 << 20
    /// The most packets in one polling answer: python-engineio's clients drop a payload of more than 16.
    public var maxPacketsPerPoll: Int = 16
    /// How long a session that the server has closed waits for the client's last poll or close frame; ms.
    public var closeTimeout: Int64 = 30_000
    /// How long the answer to a POST with a close packet waits for a GET that the client sent before it on another
    /// connection; ms.
    public var closeGracePeriod: Int64 = 50

    /// Sessions of one table that have joined no namespace. If one more is opened, the oldest is ended.
    public var maxUnconnectedSessions = 50_000
    /// Total bytes of these sessions' requests; the oldest sessions are ended as well.
    public var maxUnconnectedBytes = 64 << 20

    public init() {}

    /// The transports that the open packet offers as upgrades to a session on `transport`.
    func upgrades(from transport: TransportName) -> [TransportName] {
        transport == .polling && allowUpgrades && transports.contains(.websocket) ? [.websocket] : []
    }
}
