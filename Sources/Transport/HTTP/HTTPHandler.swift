import EngineIO
import NIOCore
import Support

/// One HTTP/1.1 connection: reads one request at a time and writes the answers in the order of the requests. The only
/// handler of its channel. [loop]
///
/// The next request is parsed only when the peer has read the answers before it, or they are small. So a client that
/// sends requests and reads no answers makes the server hold one answer, 16 KB of earlier ones and
/// ``TransportOptions/maxPipelinedBytes`` of requests at most.
final class HTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// The state of the connection.
    enum Phase {
        /// Waits for a request, or is handling one.
        case serving
        /// The last answer is written, or being written. Further input is dropped until the peer closes.
        case ending
        /// A WebSocket handler has replaced this one, or the connection is closed.
        case over
    }

    let server: ServerContext
    let loop: Loop
    let output: ConnectionOutput
    let remoteAddress: String
    /// See ``LoopConnection/serial``.
    let serial: UInt64
    private(set) var phase = Phase.serving
    private(set) var exchange: HTTPExchange?
    private var parser: HTTPRequestParser
    /// Pipelined input: bytes received before the current request was answered; not parsed yet.
    private var ahead = ByteStore()
    private var isPaused = false
    private var isParsing = false
    /// No request is parsed until the peer has read the pending answers.
    private(set) var isWaiting = false
    /// The last request had a valid token, or its session has joined a namespace.
    var isKnown = false
    /// The number of bytes charged to ``Loop/account``.
    private(set) var charged = 0
    /// Bytes of one read; 0: no limit measured yet. See ``ReadShares``.
    private var readLimit: Int32 = 0
    /// The sessions that were opened on this connection, if any.
    private var opened: OpenedSessions?
    /// When the connection times out; ms. The timer is rescheduled only when it fires.
    var deadline: Int64?
    var timer = TimerID.none
    var timerMoment = Int64.max
    /// What the peer had read when the deadline was set.
    var progress: ConnectionOutput.Progress?
    /// Since when the peer of an ending connection has read nothing; ms.
    var stalledSince: Int64?
    private(set) var context: ChannelHandlerContext?

    /// An unwanted body is read up to this size and discarded, so that the client gets to read the answer; bytes.
    private static let maxDiscarded = 16 << 20

    init(server: ServerContext, loop: Loop, output: ConnectionOutput, remoteAddress: String) {
        self.server = server
        self.loop = loop
        self.output = output
        self.remoteAddress = remoteAddress
        serial = loop.nextSerial()
        parser = HTTPRequestParser(
            limits: .init(bytes: server.options.maxHeaderBytes, fields: server.options.maxHeaderCount))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.connections[ObjectIdentifier(self)] = self
        setDeadline(in: server.options.headerTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        loop.connections[ObjectIdentifier(self)] = nil
        loop.wheel.cancel(timer)
        charge()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        defer { loop.receiveBuffers.release(buffer) }
        guard phase == .serving else { return }
        var count = buffer.readableBytes, isFull = buffer.writableBytes == 0
        // The first buffer of a connection is tiny. If it is full, the rest of the input is read at once.
        let isFirst = isFull && count < ReadShares.least / 2
        let began = isFirst ? Clock.monotonicNanoseconds : loop.beginReading(count, limit: readLimit)
        loop.read(from: output) {
            buffer.withUnsafeReadableBytes(received)
            if isFirst, phase == .serving, !isPaused { readOn(&count, &isFull) }
        }
        charge()
        if output.isLarge { output.flush() }
        guard phase != .over else { return }
        loop.endReading(count, isFull: isFull, since: began, limit: &readLimit, of: output.channel)
    }

    /// Reads once more with `recv`, without waiting for NIO's selector. End of stream and errors are left for NIO to
    /// find.
    private func readOn(_ count: inout Int, _ isFull: inout Bool) {
        var buffer = loop.receiveBuffers.acquire(
            context?.channel.allocator ?? ByteBufferAllocator(), capacity: loop.readShares.initialReadSize)
        output.receive(into: &buffer)
        count += buffer.readableBytes
        isFull = buffer.writableBytes == 0
        if buffer.readableBytes > 0 { buffer.withUnsafeReadableBytes(received) }
        loop.receiveBuffers.release(buffer)
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .over
        output.channelClosed()
        deadline = nil
        let exchange = self.exchange
        self.exchange = nil
        ahead.removeAll()
        charge()
        exchange?.clientGone()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func violated(_ violation: HTTPViolation) {
        loop.counters.badRequests += 1
        server.refused(
            violation == .tooLarge ? "headers_too_large" : "bad_request",
            violation == .tooLarge
                ? "the headers have more than the \(server.options.maxHeaderBytes) bytes or \(server.options.maxHeaderCount) fields allowed"
                : "not valid HTTP/1.1 (RFC 9112)", from: remoteAddress)
        refuse(status: violation == .tooLarge ? 431 : 400)
    }

    /// Answers a request that is malformed or too slow, unless it has an answer, and ends the connection.
    func refuse(status: Int) {
        let isAnswered = exchange?.isAnswered == true
        exchange?.clientGone()
        exchange = nil
        guard !isAnswered else { return end() }
        HTTPResponseHead(status: status).write(to: output, framing: .length(0), connection: "close")
        end()
    }

    // MARK: - Requests

    /// Whether more input may be parsed now.
    private var mayParse: Bool {
        guard phase == .serving else { return false }
        guard let exchange else { return !isWaiting }
        return !exchange.isComplete && !exchange.awaitsBodyLimit
    }

    /// Parses requests from `bytes`, up to the first that is not answered at once. What follows it is stored in
    /// ``ahead``.
    private func received(_ bytes: UnsafeRawBufferPointer) {
        guard !isParsing, mayParse else { return storeAhead(bytes) }
        isParsing = true
        defer { isParsing = false }
        var input = bytes
        while mayParse {
            if exchange == nil, output.isBehind {
                waitForPeer()
                break
            }
            switch parser.next(&input) {
            case .needsMore: return
            case .head(let head): begin(head)
            case .body(let part): receivedBody(part)
            case .end: completed(ahead: input)
            case .violation(let violation): return violated(violation)
            }
        }
        if phase == .serving { storeAhead(input) }
    }

    private func begin(_ head: HTTPRequestHead) {
        loop.counters.requests += 1
        guard head.hasValidHost else { return violated(.malformed) }
        let exchange = HTTPExchange(head: head, bodyLimit: loop.settings.maxHTTPBody, handler: self)
        self.exchange = exchange
        isKnown = false
        if server.isStopping.load(ordering: .relaxed) { exchange.keepsAlive = false }
        setDeadline(in: server.options.bodyTimeout)
        if let cors = loop.settings.cors, applyCORS(cors, to: exchange) {
            // A preflight; ``applyCORS(_:to:)`` has answered it.
        } else if let endpoint = server.endpoint(of: head) {
            route(exchange, to: endpoint)
        } else {
            route(exchange, to: server.http)
        }
        if !exchange.awaitsBodyLimit { expectBody(of: exchange) }
    }

    /// Passes the head to the application, which may refuse the request before its body is read.
    private func route(_ exchange: HTTPExchange, to application: any HTTPApplication) {
        let responder = HTTPResponder(exchange: exchange, loop: loop, streamLimit: loop.settings.maxStreamBuffer)
        exchange.route = .application(responder, nil)
        let head = HTTPRequest(head: exchange.head, body: [], remoteAddress: remoteAddress, secure: false, loop: loop)
        switch application.decide(head, through: responder) {
        case .answered: break
        case .body(let receiver, let isKnown):
            guard !exchange.isAnswered else { break }
            exchange.route = .application(responder, receiver)
            self.isKnown = isKnown
        }
    }

    /// Called when the request's route and body limit are known: refuses a body that is announced too large, or sends
    /// `100 Continue` if the client asked for it.
    private func expectBody(of exchange: HTTPExchange) {
        guard !exchange.isAnswered else { return }
        if exchange.exceedsBodyLimit { return refuseBody(of: exchange) }
        if exchange.head.expectsContinue { output.append("HTTP/1.1 100 Continue\r\n\r\n") }
    }

    /// Called when another loop has determined the request's body limit.
    func decided(_ exchange: HTTPExchange) {
        guard exchange === self.exchange, exchange.awaitsBodyLimit else { return }
        exchange.awaitsBodyLimit = false
        expectBody(of: exchange)
        parseAhead()
    }

    /// Answers a preflight; for any other request, adds the CORS fields to its answer.
    /// - Returns: whether it was a preflight.
    private func applyCORS(_ cors: CORSOptions, to exchange: HTTPExchange) -> Bool {
        let head = exchange.head
        guard head.method == .options else {
            exchange.commonFields = loop.settings.corsFields ?? head.withValue("origin") { cors.fields(for: $0) }
            return false
        }
        let preflight = head.withValue("origin") { origin in
            head.withValue("access-control-request-headers") { cors.preflightFields(for: origin, requestedHeaders: $0) }
        }
        exchange.respond(HTTPResponseHead(status: 204, fields: preflight), body: [])
        return true
    }

    private func receivedBody(_ bytes: UnsafeRawBufferPointer) {
        guard let exchange else { return }
        guard !exchange.isAnswered, !exchange.dropsBody else {
            exchange.discarded += bytes.count
            if exchange.discarded > Self.maxDiscarded { context?.close(promise: nil) }
            return
        }
        guard exchange.body.count + bytes.count <= exchange.bodyLimit else { return refuseBody(of: exchange) }
        exchange.append(bytes)
    }

    /// Answers 413 and drops the rest of the body. The session of the request stays open.
    private func refuseBody(of exchange: HTTPExchange) {
        loop.counters.refusedBodies += 1
        exchange.body = []
        exchange.dropsBody = true
        if case .application(let responder, _) = exchange.route {
            return server.http.refuseBody(largerThan: exchange.bodyLimit, through: responder)
        }
        server.refused(
            "too_large", "the body has more than the \(exchange.bodyLimit) bytes allowed", from: remoteAddress)
        if case .polling(let request) = exchange.route { return request.bodyRefused() }
        exchange.respond(HTTPResponseHead(status: 413), body: [])
    }

    /// - Parameter bytes: input behind the request.
    private func completed(ahead bytes: UnsafeRawBufferPointer) {
        guard let exchange else { return }
        exchange.isComplete = true
        guard !exchange.isAnswered else { return finish(exchange) }
        deadline = nil
        switch exchange.route {
        case .none, .application(_, nil): break
        case .polling(let request):
            if !exchange.dropsBody { request.bodyComplete() }
        case .webSocket(let endpoint): upgrade(exchange, to: endpoint, ahead: bytes)
        case .application(let responder, let receiver?):
            let request = HTTPRequest(
                head: exchange.head, body: exchange.body, remoteAddress: remoteAddress, secure: false, loop: loop)
            exchange.body = []
            receiver.respond(to: request, through: responder)
        }
    }

    /// Called when the answer to `exchange` has been written.
    func answered(_ exchange: HTTPExchange) {
        guard exchange === self.exchange else { return }
        guard exchange.isComplete else { return decided(exchange) }
        finish(exchange)
    }

    private func finish(_ exchange: HTTPExchange) {
        exchange.finish()
        self.exchange = nil
        guard exchange.keepsAlive else { return end() }
        setDeadline(in: server.options.keepAliveTimeout)
        parseAhead()
    }

    /// A polling handshake was answered on this connection. Of the connection's sessions that have joined no namespace,
    /// all but the newest ``OpenedSessions/capacity`` are closed, so that one connection does not displace the sessions
    /// of others.
    func opened(_ session: SessionID, in table: SessionTable) {
        var sessions = opened ?? OpenedSessions()
        opened = nil
        if let oldest = sessions.add(session) { table.displace(oldest) }
        opened = sessions
    }

    // MARK: - Pipelining

    private func storeAhead(_ bytes: UnsafeRawBufferPointer) {
        ahead.append(bytes)
        // A connection with a read limit holds no more input here than one read takes.
        guard
            ahead.count
                >= (readLimit == 0
                    ? server.options.maxPipelinedBytes : min(Int(readLimit), server.options.maxPipelinedBytes)),
            !isPaused
        else { return }
        isPaused = true
        try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
    }

    /// Parses the stored input. Parsing may write answers, which call this again: only the outermost call parses.
    private func parseAhead() {
        guard !isParsing else { return }
        while ahead.count > 0, mayParse {
            var bytes = ByteStore()
            swap(&bytes, &ahead)
            received(bytes.bytes)
        }
        if isPaused, ahead.count == 0, phase == .serving {
            isPaused = false
            try? context?.channel.syncOptions?.setOption(.autoRead, value: true)
        }
        charge()
    }

    /// Parses no further request until the peer has read all pending answers.
    private func waitForPeer() {
        guard !isWaiting else { return }
        isWaiting = true
        // Not at once: the answers of a tick are written in a task, and as long as one follows the other the loop
        // reads nobody.
        output.onDrained = { [weak self] in
            self?.output.onDrained = nil
            self?.loop.runAfterInput { self?.peerCaughtUp() }
        }
        watchPeer()
    }

    private func peerCaughtUp() {
        isWaiting = false
        guard phase == .serving else { return }
        setDeadline(in: server.options.keepAliveTimeout)
        let count = ahead.count, began = loop.beginReading(count, limit: readLimit)
        parseAhead()
        loop.endReading(max(1, count - ahead.count), isFull: true, since: began, limit: &readLimit, of: output.channel)
    }

    // MARK: - Memory

    /// Bytes of incomplete input.
    private var heldInput: Int { ahead.count + parser.heldBytes + (exchange?.body.count ?? 0) }

    /// Charges ``Loop/account`` with the bytes held now. Input that is handled within one read is never charged.
    private func charge() {
        let held = phase == .over ? 0 : heldInput
        guard held != charged else { return }
        loop.account.charge(held - charged)
        charged = held
    }

    // MARK: - Ending

    /// Reads no further request. Sends FIN when everything is written; the client then has
    /// ``TransportOptions/lingerTimeout`` to read it and close.
    func end() {
        guard phase == .serving else { return }
        phase = .ending
        ahead.removeAll()
        output.shutDownWhenWritten()
        progress = output.progress
        setDeadline(in: server.options.lingerTimeout)
    }

    /// Stops handling the connection, because another handler or loop takes it over. nil: it is closed already.
    func detach() -> ChannelHandlerContext? {
        phase = .over
        deadline = nil
        // The next handler starts without a read limit.
        if readLimit != 0 {
            readLimit = 0
            try? context?.channel.syncOptions?.setOption(.recvAllocator, value: ReceiveAllocator(on: loop, limit: 0))
        }
        exchange?.finish()
        exchange = nil
        return context
    }
}
