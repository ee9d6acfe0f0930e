@testable import EngineIO

/// An endpoint without sockets: a session table, a clock, and functions that act as a client.
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
        HandshakeRequest(
            remoteAddress: "127.0.0.1", secure: false, uri: "/socket.io/", issued: 0, transport: transport, headers: [])
    }

    /// Opens a session by a polling handshake.
    func polling() -> Session {
        let session = table.open(Self.handshakeRequest(.polling), answering: FakePoll())
        session.receiver = recorder
        return session
    }

    /// Opens a session on a WebSocket.
    func webSocket(usesBase64: Bool = false) -> (Session, FakeWebSocket) {
        let output = FakeWebSocket()
        let session = table.open(Self.handshakeRequest(.websocket), over: output, usesBase64: usesBase64)
        session.receiver = recorder
        _ = output.drain()
        return (session, output)
    }

    /// Sends a GET.
    @discardableResult
    func get(_ session: Session) -> FakePoll {
        let poll = FakePoll()
        session.poll(poll)
        return poll
    }

    /// Sends a POST with its whole body.
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

    /// Parses a session id.
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

/// A GET that records its answer.
final class FakePoll: PollOutput {
    private(set) var payload: String?
    private(set) var refusal: PollError?
    private(set) var openedSession: SessionID?
    var wasAbandoned = false

    func opened(_ session: Session) { openedSession = session.id }

    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { fill($0) }
        precondition(payload == nil && refusal == nil, "a GET was answered twice")
        payload = String(decoding: bytes, as: UTF8.self)
    }

    func refuse(_ refusal: PollError) {
        precondition(payload == nil && self.refusal == nil, "a GET was answered twice")
        self.refusal = refusal
    }

    /// The packets of the answer.
    var packets: [String]? { payload?.split(separator: "\u{1E}", omittingEmptySubsequences: false).map(String.init) }
}

/// A WebSocket that records what was sent.
final class FakeWebSocket: WebSocketOutput {
    private(set) var sent: [String] = []
    private(set) var isClosed = false
    var canSendNow = true
    var bufferedBytes = 0

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { fill($0) }
        sent.append(kind == .text ? String(decoding: bytes, as: UTF8.self) : "binary \(bytes)")
    }

    func send(_ message: SharedMessage) {
        for part in message.parts {
            message.withPart(part) { payload in
                send(part.kind, count: payload.count, compress: message.compress) { $0.copyMemory(from: payload) }
            }
        }
    }

    func close() { isClosed = true }

    /// The messages since the last call.
    func drain() -> [String] {
        defer { sent = [] }
        return sent
    }
}

/// A receiver that logs its calls, and may react to them.
final class Recorder: SessionReceiver {
    private(set) var log: [String] = []
    var onText: (String) -> Void = { _ in }

    func received(text: UnsafeMutableRawBufferPointer) {
        let text = String(decoding: text, as: UTF8.self)
        log.append(text)
        onText(text)
    }

    func received(binary: UnsafeMutableRawBufferPointer) { log.append("binary \(Array(binary))") }

    func closed(_ reason: CloseReason) { log.append("closed: \(reason.rawValue)") }

    /// The calls since the last call of this function.
    func drain() -> [String] {
        defer { log = [] }
        return log
    }
}

/// Reproducible random numbers.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    init(state: UInt64) { self.state = state &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
