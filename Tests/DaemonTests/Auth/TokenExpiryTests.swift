import EngineIO
import Identity
import PrometheusMetrics
import RawJSON
import SocketIO
import Support
import Testing

@testable import Daemon

/// Uses the system's clock, since the effect of a timer depends on it. Tokens therefore expire in the past or far
/// ahead.
@Suite struct TokenExpiryTests {
    private static let secret = Array("a secret of the tests, long enough for HS256".utf8)

    private func token(_ user: String = "alice", expiresIn seconds: Int) throws -> String {
        let claims: JSONValue = ["sub": .string(user), "exp": .integer(Int(Clock.wallMilliseconds) / 1000 + seconds)]
        return try TokenSigner(secret: Self.secret).sign(claims)
    }

    private func loop() throws -> LoopWithExpiry {
        var auth = Configuration.Auth()
        auth.secret = Configuration.Secret(bytes: Self.secret)
        return LoopWithExpiry(try TokenAuthenticator(TokenAuthenticator.Rules(auth)))
    }

    @Test("a socket costs one timer, however often its token is refreshed, and none when it is gone")
    func oneTimer() throws {
        let loop = try loop()
        let client = loop.connect(#"{"token":"\#(try token(expiresIn: 3_600))"}"#)
        let one = loop.timers.count
        for _ in 0..<100 {
            for seconds in [7_200, 1_800] {
                client.say(#"21["auth:refresh","\#(try token(expiresIn: seconds))"]"#)
                #expect(client.heard.last?.contains(#""ok":true"#) == true)
            }
            #expect(loop.timers.count == one)
        }
        client.vanish()
        #expect(loop.timers.count == 0)
    }

    @Test("after a refresh with a token that expires earlier, the notice and the end come earlier")
    func earlier() throws {
        let loop = try loop()
        let client = loop.connect(#"{"token":"\#(try token(expiresIn: 3_600))"}"#)
        client.say(#"21["auth:refresh","\#(try token(expiresIn: 30))"]"#)
        loop.pass(1)
        #expect(client.heard.contains { $0.hasPrefix(#"2["auth:expiring""#) })
        // Expired, but within the leeway: the socket stays open until the leeway ends.
        client.say(#"21["auth:refresh","\#(try token(expiresIn: -2))"]"#)
        loop.pass(1_000)
        #expect(!client.isClosed)
        #expect(loop.timers.count == 2)
    }

    @Test("an expired token closes the transport, without a DISCONNECT packet")
    func ended() throws {
        let loop = try loop()
        let client = loop.connect(#"{"token":"\#(try token(expiresIn: -2))"}"#)
        let socket = try #require(loop.sockets.first)
        socket.expiresAt = Clock.wallMilliseconds - 60_000
        loop.pass(10_000)
        #expect(client.isClosed)
        #expect(!client.heard.contains("1"))
        #expect(loop.timers.count == 0)
    }
}

/// A loop without I/O. Its sockets are admitted by the authenticator, and its only event is `auth:refresh`.
private final class LoopWithExpiry: Application {
    let timers = TimerWheel(now: 1_000)
    private let table: SessionTable
    private let authenticator: TokenAuthenticator
    private var shard: Shard!
    private var expiry: TokenExpiry!
    private(set) var sockets: [NamespaceSocket] = []

    init(_ authenticator: TokenAuthenticator) {
        self.authenticator = authenticator
        table = SessionTable(options: EngineOptions(), timers: timers, loop: 0)
        shard = Shard(index: 0, timers: timers, application: self)
        let metrics = PrometheusRegistry()
        let deduplicator = LogDeduplicator(interval: 10_000, metrics: metrics) { _ in }
        expiry = TokenExpiry(
            authenticator: authenticator,
            refusalLog: RefusalLog(deduplicator: deduplicator, threshold: LogThreshold(.info), metrics: metrics))
    }

    func connect(_ auth: String) -> Client {
        let client = Client(table, shard)
        client.say("0" + auth)
        return client
    }

    func pass(_ milliseconds: Int64) { timers.advance(to: timers.now + milliseconds) }

    func connect(_ attempt: ConnectAttempt) {
        guard case .accept(let identity) = authenticator.authenticate(attempt) else {
            return attempt.refuse(message: "no")
        }
        attempt.accept(user: identity.user, claims: identity.claims, expiresAt: identity.expiresAt)
    }

    func connected(_ socket: NamespaceSocket) {
        sockets.append(socket)
        expiry.watch(socket)
    }

    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) { expiry.refresh(event, from: socket) }
    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason) {}
    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason) { expiry.disconnected(socket) }

    /// A client with a WebSocket connection.
    final class Client: WebSocketOutput {
        private(set) var heard: [String] = []
        private(set) var isClosed = false
        private var session: Session!

        var canSendNow: Bool { true }
        var bufferedBytes: Int { 0 }

        init(_ table: SessionTable, _ shard: Shard) {
            let handshakeRequest = HandshakeRequest(
                remoteAddress: "127.0.0.1", secure: false, uri: "/socket.io/", issued: 0, headers: [])
            session = table.open(handshakeRequest, over: self)
            shard.open(session)
        }

        func say(_ packet: String) {
            var bytes = Array(("4" + packet).utf8)
            bytes.withUnsafeMutableBytes { session.webSocketReceived(text: $0, over: self) }
        }

        func vanish() { session.webSocketGone(self, reason: .transportError) }

        func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
            var bytes = [UInt8](repeating: 0, count: count)
            bytes.withUnsafeMutableBytes { fill($0) }
            heard.append(String(decoding: bytes.dropFirst(), as: UTF8.self))
        }

        func send(_ message: SharedMessage) {
            for part in message.parts {
                message.withPart(part) { heard.append(String(decoding: $0.dropFirst(), as: UTF8.self)) }
            }
        }

        func close() { isClosed = true }
    }
}
