import EngineIO
import SocketIO

/// An endpoint that a server serves besides plain HTTP. All its connections share one object, because memory per
/// connection is scarce.
final class Endpoint: Sendable {
    enum Kind: Sendable {
        /// Engine.IO with Socket.IO.
        case socketIO
        /// An Engine.IO echo.
        case engineEcho
        /// A WebSocket echo without Engine.IO.
        case webSocketEcho
    }

    let kind: Kind
    /// The index of its session table in ``Loop/tables``.
    let index: Int
    /// Ends with a slash.
    private let prefix: [UInt8]
    /// As at the start; ``SessionTable/options`` has the limits that may change.
    let options: EngineOptions
    /// How long an ended WebSocket may take to close its side; then the connection is cut. ms.
    let lingerTimeout: Int64
    /// How long a client that reads nothing may take to answer the close frame; ms.
    let closeFrameTimeout: Int64

    init(
        kind: Kind, index: Int, prefix: String, options: EngineOptions, lingerTimeout: Int64, closeFrameTimeout: Int64
    ) {
        self.kind = kind
        self.index = index
        self.prefix = Array(prefix.utf8)
        self.options = options
        self.lingerTimeout = lingerTimeout
        self.closeFrameTimeout = closeFrameTimeout
    }

    /// Whether this endpoint serves requests for `path`.
    func serves(_ path: UnsafeRawBufferPointer) -> Bool {
        prefix.withUnsafeBytes { prefix in
            if path.begins(with: prefix) { return true }
            // The official test suites write the paths of their echoes without the final slash.
            return kind != .socketIO && path.count == prefix.count - 1 && prefix.begins(with: path)
        }
    }

    /// [loop] Passes a new session to the layer above: Socket.IO or the echo.
    func accept(_ session: Session, on loop: Loop) {
        switch kind {
        case .socketIO: loop.shard.open(session)
        case .engineEcho:
            session.receiver = EchoReceiver(session)
            // An echo has no namespace to join, so its sessions count as joined.
            session.joined()
        case .webSocketEcho: break
        }
    }
}

extension HTTPHandler {
    /// Routes a request for an endpoint: sets the route of a WebSocket request, or starts a polling request.
    func route(_ exchange: HTTPExchange, to endpoint: Endpoint) {
        if exchange.head.asksForUpgrade, endpoint.options.transports.contains(.websocket) {
            exchange.route = .webSocket(endpoint)
            return
        }
        guard endpoint.kind != .webSocketEcho else {
            return exchange.respond(HTTPResponseHead(status: 426, headers: [("Upgrade", "websocket")]), body: [])
        }
        exchange.bodyLimit = min(endpoint.options.maxPayload, loop.settings.maxBeforeJoining)
        let request = PollingRequest(exchange: exchange, endpoint: endpoint, handler: self)
        exchange.route = .polling(request)
        request.begin()
    }
}

/// Sends every message back, text as text and binary as binary.
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
