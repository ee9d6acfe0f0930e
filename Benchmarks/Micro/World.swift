import EngineIO
import SocketIO

/// The modules below the transport for one event loop: a shard, its sessions, and sockets that are connected over
/// memory.
final class World {
    let application = EchoApplication()
    let timers = TimerWheel()
    let shard: Shard
    let table: SessionTable
    private(set) var sessions: [Session] = []
    private(set) var outputs: [MemoryWebSocket] = []
    private let handshakeRequest = HandshakeRequest(
        remoteAddress: "127.0.0.1", secure: false, uri: "/socket.io/?EIO=4", issued: 0, headers: [])

    init(sockets count: Int = 1) {
        shard = Shard(index: 0, timers: timers, application: application)
        table = SessionTable(options: EngineOptions(), timers: timers, loop: 0)
        for _ in 0..<count {
            let output = MemoryWebSocket()
            outputs.append(output)
            sessions.append(connect(over: output))
        }
    }

    var sockets: [NamespaceSocket] { application.sockets }

    /// A session over a WebSocket that has joined `/`.
    func connect(over output: MemoryWebSocket) -> Session {
        let session = table.open(handshakeRequest, over: output)
        shard.open(session)
        var connect = Message("40")
        connect.withFreshBytes { session.webSocketReceived(text: $0, over: output) }
        return session
    }

    /// A session over polling that has joined `/`.
    func connect(polling poll: MemoryPoll) -> Session {
        let session = table.open(handshakeRequest, answering: poll)
        shard.open(session)
        post("40", to: session)
        session.poll(poll)
        table.tickEnded()
        return session
    }

    func post(_ text: StaticString, to session: Session) {
        var message = Message(text)
        message.withFreshBytes { body in
            guard session.postBegan(session, isBinary: false) == nil, session.posted(session, body: body) == .ok else {
                fail("a benchmark's POST was refused")
            }
        }
    }

    /// Returns a closure that repeats an operation. It retains this world, because sockets and sessions do not retain
    /// their shard.
    func repeating(_ body: @escaping (Int) -> Void) -> (Int) -> Void {
        { count in withExtendedLifetime(self) { body(count) } }
    }
}
