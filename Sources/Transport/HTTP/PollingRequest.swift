import EngineIO

/// One polling request. It connects its HTTP exchange, on the loop of the connection (`home`), with its session, on the
/// loop that the session's id names (`owner`). Usually both are the same loop and all calls are direct; otherwise
/// requests and answers are enqueued on the other loop.
///
/// `@unchecked Sendable`: `exchange` is used on `home` only; `session`, `isKnown`, `cookie`, `initialFields` and
/// `sessionFields` on `owner` only; the rest is immutable.
final class PollingRequest: PollOutput, @unchecked Sendable {
    private let home: Loop
    private let owner: Loop
    private let server: ServerContext
    private let endpoint: Endpoint
    private let head: HTTPRequestHead
    private let parameters: RequestParameters
    private let remoteAddress: String

    /// [home] ``HTTPExchange/finish()`` clears it.
    var exchange: HTTPExchange?
    /// [owner]
    private var session: Session?
    let wasAbandoned: Bool
    /// [owner] The session has joined a namespace.
    private var isKnown = false
    /// [owner] The cookie of a handshake's answer.
    private var cookie: String?
    /// [owner] `initialFields`: of the first answer only. `sessionFields`: of every answer of the session. Usually
    /// empty.
    private var initialFields = HTTPFields()
    private var sessionFields = HTTPFields()

    init(exchange: HTTPExchange, endpoint: Endpoint, handler: HTTPHandler) {
        home = handler.loop
        server = handler.server
        remoteAddress = handler.remoteAddress
        self.endpoint = endpoint
        self.exchange = exchange
        head = exchange.head
        parameters = exchange.head.parameters
        owner = server.loops.owner(of: parameters.sessionID) ?? handler.loop
        // Needed only across loops, which may handle two connections of a client in another order than their requests
        // arrived in.
        wasAbandoned = owner !== home && head.method == .get && handler.output.peerHasHungUp
    }

    // MARK: - From the connection [home]

    /// The head has been received.
    func begin() {
        // Only a session that has joined a namespace may send a large body: the body waits until the session's loop has
        // set its limit.
        if owner !== home, head.method == .post, let exchange, exchange.mayBeTooMuch { exchange.awaitsBodyLimit = true }
        owner.runOrEnqueue { [self] in dispatch() }
    }

    /// The whole body has been received.
    func bodyComplete() {
        guard head.method == .post, let exchange else { return }
        var body = exchange.body
        exchange.body = []
        if home === owner { return post(&body) }
        owner.runOrEnqueue { [self, body] in
            var body = body
            post(&body)
        }
    }

    /// Answers 413 to a body that is too large. The session is notified first, so that the client may send its next
    /// POST on any connection once it has read the answer.
    func bodyRefused() {
        owner.runOrEnqueue { [self] in
            session?.postRefused(self)
            session = nil
            reply(HTTPResponseHead(status: 413), [])
        }
    }

    /// The client disconnected before the answer.
    func clientGone() {
        owner.runOrEnqueue { [self] in
            guard let session else { return }
            self.session = nil
            if head.method == .post { session.postGone(self) } else { session.pollGone(self) }
        }
    }

    // MARK: - With the session [owner]

    private func dispatch() {
        let table = owner.tables[endpoint.index]
        let verdict = Handshake.verify(
            parameters, isGet: head.method == .get, isUpgrade: false, options: endpoint.options
        ) {
            table[$0]?.transport
        }
        switch verdict {
        case .refused(let error):
            refuse(error)
        case .open:
            if let reason = server.unavailable(endpoint) {
                server.refused("unavailable", reason, from: remoteAddress)
                return reply(ServerContext.unavailable, Array(reason.utf8))
            }
            let handshakeRequest = head.handshakeRequest(from: remoteAddress, over: .polling)
            switch server.options.allowRequest?(handshakeRequest) ?? .open {
            case .refuse(let message): return refuse(.forbidden, message: message)
            case .open(let initial, let always): (initialFields, sessionFields) = (initial, always)
            }
            if let refusal = server.limits.addSession(from: remoteAddress, on: owner) {
                return refuse(.overloaded, message: refusal.message)
            }
            // Take the handler first, because the answer ends the exchange. A request without a session id has `owner`
            // === `home`.
            let handler = exchange?.handler
            let session = table.open(handshakeRequest, answering: self)
            handler?.opened(session.id, in: table)
            endpoint.accept(session, on: owner)
        case .session(let id):
            guard let session = table[id] else { return }
            self.session = session
            sessionFields = HTTPFields(lines: session.headerLines)
            belongs(to: session)
        }
    }

    private func belongs(to session: Session) {
        isKnown = session.hasJoined
        if home === owner { exchange?.handler?.isKnown = isKnown }
        switch head.method {
        case .get:
            session.poll(self)
        case .post:
            let isBinary = head.has("content-type", "application/octet-stream")
            if let refusal = session.postBegan(self, isBinary: isBinary) { return refuse(refusal) }
            allowBody()
        default:
            // The session stays open. (The reference answers 500, although the client is at fault.)
            refuse(.badMethod)
        }
    }

    /// Allows the body: up to `maxPayload` if the session has joined a namespace.
    private func allowBody() {
        let limit = isKnown ? endpoint.options.maxPayload : nil
        if home === owner {
            if let limit { exchange?.bodyLimit = limit }
            return
        }
        home.runOrEnqueue { [self] in
            guard let exchange else { return }
            if let limit { exchange.bodyLimit = limit }
            exchange.handler?.decided(exchange)
        }
    }

    private func post(_ body: inout [UInt8]) {
        guard let session else { return }
        self.session = nil
        let verdict = body.withUnsafeMutableBytes { session.posted(self, body: $0) }
        switch verdict {
        case .ok: replyOK()
        case .held: session.onEnd { [self] in replyOK() }
        case .refused(let refusal): refuse(refusal)
        }
    }

    private func replyOK() {
        reply(HTTPResponseHead(status: 200, fields: pollingFields(Self.html)), Self.ok)
    }

    private static let ok = Array("ok".utf8)
    private static let html = HTTPFields([("Content-Type", "text/html"), ("Cache-Control", "no-store")])
    private static let packets = HTTPFields([
        ("Content-Type", "text/plain; charset=UTF-8"), ("Cache-Control", "no-store"),
    ])

    func opened(_ session: Session) {
        cookie = server.options.cookie?.header(sessionID: session.id.description)
        session.headerLines = sessionFields.lines
    }

    func answer(count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        session = nil
        var responseHead = HTTPResponseHead(status: 200, fields: pollingFields(Self.packets))
        if let cookie { responseHead.fields.add("Set-Cookie", cookie) }
        if !initialFields.isEmpty { responseHead.fields.add(initialFields) }
        if compress, let threshold = server.options.httpCompressionThreshold, count >= threshold,
            let encoding = acceptedEncoding, let compressed = encoding.compress(count: count, fill: fill)
        {
            responseHead.fields.add("Content-Encoding", encoding.rawValue)
            return reply(responseHead, compressed)
        }
        if home === owner {
            exchange?.respond(withSessionFields(responseHead), count: count, fill: fill)
        } else {
            let body = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                fill(UnsafeMutableRawBufferPointer(buffer))
                initialized = count
            }
            reply(responseHead, body)
        }
    }

    private var acceptedEncoding: ContentEncoding? {
        var negotiation = ContentEncoding.Negotiation()
        head.forEach("accept-encoding") { negotiation.add($0) }
        return negotiation.result
    }

    func refuse(_ refusal: PollError) {
        switch refusal {
        case .violation:
            session = nil
            server.refused("bad_request", "not an Engine.IO packet, or too large", from: remoteAddress)
            reply(HTTPResponseHead(status: 400), [])
        case .upgraded: refuse(.badRequest)
        case .unknown: refuse(.unknownSession)
        }
    }

    private func refuse(_ error: HandshakeError, message: String? = nil) {
        session = nil
        // The code behind `allowRequest` counts its own refusals.
        if error != .forbidden { server.refused(error.reason, message ?? error.message, from: remoteAddress) }
        owner.counters.refusedHandshakes[error.rawValue] += 1
        let head = HTTPResponseHead(status: error.status, headers: [("Content-Type", "application/json")])
        reply(head, error.json(message: message))
    }

    private func pollingFields(_ fields: HTTPFields) -> HTTPFields {
        // Old Internet Explorers take such an answer for a cross-site scripting attack.
        guard head.isOfExplorer else { return fields }
        var fields = fields
        fields.add("X-XSS-Protection", "0")
        return fields
    }

    private func withSessionFields(_ responseHead: HTTPResponseHead) -> HTTPResponseHead {
        guard !sessionFields.isEmpty else { return responseHead }
        var responseHead = responseHead
        responseHead.fields.add(sessionFields)
        return responseHead
    }

    private func reply(_ responseHead: HTTPResponseHead, _ body: [UInt8]) {
        let responseHead = withSessionFields(responseHead)
        home.runOrEnqueue { [self, isKnown] in
            exchange?.handler?.isKnown = isKnown
            exchange?.respond(responseHead, body: body)
        }
    }
}
