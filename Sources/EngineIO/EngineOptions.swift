/// What an Engine.IO endpoint allows. Names, units and defaults are those of the reference server; the last
/// group is Jackfield's own.
public struct EngineOptions: Sendable {
    /// From the handshake, or the last pong, to the next ping; ms.
    public var pingInterval: Int64 = 25_000
    /// From a ping to the end of a session that did not answer it; ms.
    public var pingTimeout: Int64 = 20_000
    /// How long a WebSocket may take from its handshake to the upgrade packet; ms.
    public var upgradeTimeout: Int64 = 10_000
    /// The largest message, and the largest body of a POST, that is read; bytes (`maxHttpBufferSize`).
    public var maxPayload: Int = 1_000_000
    /// The transports that may be used at all.
    public var transports: Set<TransportName> = [.polling, .websocket]
    /// Whether the open packet offers the upgrade. As in the reference, it steers the offer only.
    public var allowUpgrades = true

    /// Unsent output above which a session that still produces more is ended and counted; bytes. One message is always
    /// taken whole, so that the bound limits how far a reader may lag, not how large a message may be.
    public var maxBufferedOutput: Int = 8 << 20
    /// Packets in one polling answer: python-engineio's clients drop a payload of more than 16.
    public var maxPacketsPerPoll: Int = 16
    /// How long a session closed by the server waits for the poll, or the close frame, that ends it; ms.
    public var closeTimeout: Int64 = 30_000
    /// How long the answer to a polling client's goodbye waits for the GET that it may have overtaken
    /// on another connection; ms.
    public var closeGracePeriod: Int64 = 50

    /// Sessions of one table that may wait to join a namespace; the one that has been waiting
    /// longest gives way to the next.
    public var maxUnconnectedSessions = 50_000
    /// Bytes that the requests of these sessions may take, likewise.
    public var maxUnconnectedBytes = 64 << 20

    public init() {}

    /// The transports the open packet of a session on `transport` offers to upgrade to.
    func upgrades(from transport: TransportName) -> [TransportName] {
        transport == .polling && allowUpgrades && transports.contains(.websocket) ? [.websocket] : []
    }
}
