@testable import EngineIO

/// An endpoint without sockets: a table, a clock, and what a client would do.
final class TestEngine {
    let timers = TimerWheel(now: 1000)
    let table: SessionTable
    let recorder = Recorder()

    init(_ change: (inout EngineOptions) -> Void = { _ in }) {
        var options = EngineOptions()
        options.pingInterval = 300
        options.pingTimeout = 200
        change(&options)
        table = SessionTable(options: options, timers: timers, loop: 0)
    }

    private static func handshakeRequest(_ transport: TransportName) -> HandshakeRequest {
        HandshakeRequest(remoteAddress: "127.0.0.1", secure: false, uri: "/socket.io/", issued: 0, transport: transport, headers: [])
    }

    /// A session by a polling handshake.
    func polling() -> Session {
        let session = table.open(Self.handshakeRequest(.polling), answering: FakePoll())
        session.receiver = recorder
        return session
    }

    /// A session on a WebSocket.
    func webSocket(usesBase64: Bool = false) -> (Session, FakeWebSocket) {
        let output = FakeWebSocket()
        let session = table.open(Self.handshakeRequest(.websocket), over: output, usesBase64: usesBase64)
        session.receiver = recorder
        _ = output.drain()
        return (session, output)
    }

    /// A GET.
    @discardableResult
    func get(_ session: Session) -> FakePoll {
        let poll = FakePoll()
        session.poll(poll)
        return poll
    }

    /// A POST, as one piece.
    @discardableResult
    func post(_ session: Session, _ payload: String) -> PostResult {
        post(session, Array(payload.utf8))
    }

    func post(_ session: Session, _ payload: [UInt8]) -> PostResult {
        let request = Recorder()
        if let refusal = session.postBegan(request, isBinary: false) { return .refused(refusal) }
        var payload = payload
        return payload.withUnsafeMutableBytes { session.posted(request, body: $0) }
    }

    func say(_ session: Session, _ text: String, over output: FakeWebSocket) {
        var bytes = Array(text.utf8)
        bytes.withUnsafeMutableBytes { session.webSocketReceived(text: $0, over: output) }
    }

    /// The id that is written so.
    static func id(_ text: String) -> SessionID? {
        Array(text.utf8).withUnsafeBytes { SessionID($0) }
    }

    func pass(_ ms: Int64) { timers.advance(to: timers.now + ms) }
}

extension Session {
    func send(_ text: String) {
        send(textCount: text.utf8.count, compress: true) { $0.copyBytes(from: text.utf8) }
    }
}
