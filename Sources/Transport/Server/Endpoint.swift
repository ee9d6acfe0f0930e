import EngineIO
import SocketIO

/// Something a server serves besides plain HTTP. One object for all its connections, which is what a
/// connection can afford to hold.
final class Endpoint: Sendable {
    enum Kind: Sendable {
        /// Engine.IO, with Socket.IO on top.
        case socketIO
        /// Engine.IO, with an echo on top.
        case engineEcho
        /// A WebSocket without Engine.IO, echoed.
        case webSocketEcho
    }

    let kind: Kind
    /// Where its sessions stand in ``Loop/tables``.
    let index: Int
    /// Ends with a slash.
    private let prefix: [UInt8]
    let options: EngineOptions
    /// How long an ended WebSocket may take to hear that it has ended; ms.
    let lingerTimeout: Int64
    /// How long a client may take to answer the close frame; ms.
    let closeFrameTimeout: Int64
    /// The largest message of a session that has joined no namespace; bytes.
    let maxBeforeJoining: Int

    init(
        kind: Kind, index: Int, prefix: String, options: EngineOptions, lingerTimeout: Int64, closeFrameTimeout: Int64,
        maxBeforeJoining: Int
    ) {
        self.kind = kind
        self.index = index
        self.prefix = Array(prefix.utf8)
        self.options = options
        self.lingerTimeout = lingerTimeout
        self.closeFrameTimeout = closeFrameTimeout
        self.maxBeforeJoining = maxBeforeJoining
    }

    /// Whether a request for `path` is meant for it.
    func serves(_ path: UnsafeRawBufferPointer) -> Bool {
        prefix.withUnsafeBytes { prefix in
            if path.begins(with: prefix) { return true }
            // The test suites write their endpoints without the final slash.
            return kind != .socketIO && path.count == prefix.count - 1 && prefix.begins(with: path)
        }
    }

    /// [loop] Gives a new session to whoever lives above.
    func accept(_ session: Session, on loop: Loop) {
        switch kind {
        case .socketIO: loop.shard.open(session)
        case .engineEcho:
            session.receiver = EchoReceiver(session)
            // There is nothing to join.
            session.joined()
        case .webSocketEcho: break
        }
    }
}

extension HTTPHandler {
    /// Decides what a request for an endpoint is: a WebSocket, or a polling request, which is begun.
    func route(_ exchange: HTTPExchange, to endpoint: Endpoint) {
        if exchange.head.asksForUpgrade, endpoint.options.transports.contains(.websocket) {
            exchange.route = .webSocket(endpoint)
            return
        }
        guard endpoint.kind != .webSocketEcho else {
            return exchange.respond(HTTPResponseHead(status: 426, headers: [("Upgrade", "websocket")]), body: [])
        }
        exchange.bodyLimit = min(endpoint.options.maxPayload, server.options.maxBeforeJoining)
        let request = PollingRequest(exchange: exchange, endpoint: endpoint, handler: self)
        exchange.route = .polling(request)
        request.begin()
    }
}

/// Sends every message back with its own type.
final class EchoReceiver: SessionReceiver {
    private unowned let session: Session

    init(_ session: Session) {
        self.session = session
    }

    func received(text: UnsafeMutableRawBufferPointer) {
        session.send(textCount: text.count, compress: true) { $0.copyMemory(from: UnsafeRawBufferPointer(text)) }
    }

    func received(binary: UnsafeMutableRawBufferPointer) {
        session.send(binary: UnsafeRawBufferPointer(binary), compress: true)
    }

    func closed(_ reason: CloseReason) {}
}
