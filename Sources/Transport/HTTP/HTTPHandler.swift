import EngineIO
import NIOCore

/// One HTTP/1.1 connection: requests in, one at a time, answers out in their order. The only handler of its channel. [loop]
final class HTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// What the connection is about.
    private enum Phase {
        /// Waits for a request, or is in the middle of one.
        case serving
        /// The last answer is written, or being written; what still comes is dropped until the peer has closed.
        case ending
        /// A WebSocket took over, or the connection is gone.
        case over
    }

    let server: ServerContext
    let loop: Loop
    let output: ConnectionOutput
    let remoteAddress: String
    private var phase = Phase.serving
    private(set) var exchange: HTTPExchange?
    private var parser: HTTPRequestParser
    /// What was sent ahead of the answer to the request before; not parsed yet.
    private var ahead = ByteStore()
    private var isPaused = false
    private var isParsing = false
    /// When the connection has taken too long; ms. The timer is moved only when it fires.
    private var deadline: Int64?
    private var timer = TimerID.none
    private var timerMoment = Int64.max
    private var context: ChannelHandlerContext?

    /// A body nobody wants is read to its end, so that the client comes to read the answer, but no further than this.
    private static let maxDiscarded = 16 << 20

    init(server: ServerContext, loop: Loop, output: ConnectionOutput, remoteAddress: String) {
        self.server = server
        self.loop = loop
        self.output = output
        self.remoteAddress = remoteAddress
        parser = HTTPRequestParser(limits: .init(bytes: server.options.maxHeaderBytes, fields: server.options.maxHeaderCount))
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
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        defer { loop.receiveBuffers.giveBack(buffer) }
        guard phase == .serving else { return }
        loop.read(from: output) {
            buffer.withUnsafeReadableBytes(received)
            // The first buffer of a connection is small: the rest is there as well, and need not be waited for.
            if buffer.writableBytes == 0, phase == .serving, !isPaused { readOn() }
        }
    }

    /// Reads once more, ahead of NIO, which would ask the selector first. An end or an error is left for NIO to find.
    private func readOn() {
        var buffer = loop.receiveBuffers.take(context?.channel.allocator ?? ByteBufferAllocator())
        output.receive(into: &buffer)
        if buffer.readableBytes > 0 { buffer.withUnsafeReadableBytes(received) }
        loop.receiveBuffers.giveBack(buffer)
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .over
        output.channelClosed()
        deadline = nil
        let exchange = self.exchange
        self.exchange = nil
        ahead.removeAll()
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
            violation == .tooLarge ? "the headers have more than the \(server.options.maxHeaderBytes) bytes or \(server.options.maxHeaderCount) fields allowed"
                : "no HTTP/1.1 by RFC 9112", from: remoteAddress)
        refuse(status: violation == .tooLarge ? 431 : 400)
    }

    /// Answers what is no request, unless it has its answer, and ends the connection.
    private func refuse(status: Int) {
        let isAnswered = exchange?.isAnswered == true
        exchange?.clientGone()
        exchange = nil
        guard !isAnswered else { return end() }
        HTTPResponseHead(status: status).write(to: output, framing: .length(0), connection: "close")
        end()
    }

    // MARK: - Requests

    /// Takes requests out of `bytes`, up to one that is not answered at once: what follows that waits in ``ahead``.
    private func received(_ bytes: UnsafeRawBufferPointer) {
        guard !isParsing, exchange?.isComplete != true else { return keepAhead(bytes) }
        isParsing = true
        defer { isParsing = false }
        var input = bytes
        while phase == .serving, exchange?.isComplete != true {
            switch parser.next(&input) {
            case .needsMore: return
            case .head(let head): begin(head)
            case .body(let part): receivedBody(part)
            case .end: completed(ahead: input)
            case .violation(let violation): return violated(violation)
            }
        }
        if phase == .serving { keepAhead(input) }
    }

    private func begin(_ head: HTTPRequestHead) {
        loop.counters.requests += 1
        guard head.hasSoundHost else { return violated(.malformed) }
        let exchange = HTTPExchange(head: head, bodyLimit: server.options.maxHTTPBody, handler: self)
        self.exchange = exchange
        if server.isStopping.load(ordering: .relaxed) { exchange.keepsAlive = false }
        setDeadline(in: server.options.bodyTimeout)
        if let cors = server.options.cors, applyCORS(cors, to: exchange) {
            // A preflight, and answered.
        } else if let endpoint = server.endpoint(of: head) {
            route(exchange, to: endpoint)
        } else {
            let responder = HTTPResponder(exchange: exchange, loop: loop, streamLimit: server.options.maxStreamBuffer)
            exchange.route = .application(responder)
        }
        guard !exchange.isAnswered else { return }
        if exchange.announcesTooMuch { return refuseBody(of: exchange) }
        if head.expectsContinue { output.append("HTTP/1.1 100 Continue\r\n\r\n") }
    }

    /// Answers a preflight, which asks for no more than that, and names the origin in the answer to anything else.
    /// - Returns: whether it was a preflight.
    private func applyCORS(_ cors: CORSOptions, to exchange: HTTPExchange) -> Bool {
        let head = exchange.head
        guard head.method == .options else {
            exchange.commonFields = server.corsFields ?? head.withValue("origin") { cors.fields(for: $0) }
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
        guard !exchange.isAnswered else {
            exchange.discarded += bytes.count
            if exchange.discarded > Self.maxDiscarded { context?.close(promise: nil) }
            return
        }
        guard exchange.body.count + bytes.count <= exchange.bodyLimit else { return refuseBody(of: exchange) }
        exchange.body.append(contentsOf: bytes)
    }

    /// 413, and what is still to come of the body is dropped. A session the request belongs to lives on.
    private func refuseBody(of exchange: HTTPExchange) {
        exchange.body = []
        switch exchange.route {
        case .application(let responder): return server.http.refuseBody(largerThan: exchange.bodyLimit, through: responder)
        case .polling(let request): request.bodyRefused()
        case .webSocket, .none: break
        }
        server.refused("too_large", "the body has more than the \(exchange.bodyLimit) bytes allowed", from: remoteAddress)
        exchange.respond(HTTPResponseHead(status: 413), body: [])
    }

    /// - Parameter bytes: what came behind the request.
    private func completed(ahead bytes: UnsafeRawBufferPointer) {
        guard let exchange else { return }
        exchange.isComplete = true
        guard !exchange.isAnswered else { return finish(exchange) }
        deadline = nil
        switch exchange.route {
        case .none: break
        case .polling(let request): request.bodyComplete()
        case .webSocket(let endpoint): upgrade(exchange, to: endpoint, ahead: bytes)
        case .application(let responder):
            let request = HTTPRequest(head: exchange.head, body: exchange.body, remoteAddress: remoteAddress, secure: false, loop: loop)
            exchange.body = []
            server.http.respond(to: request, through: responder)
        }
    }

    /// An answer has been written.
    func answered(_ exchange: HTTPExchange) {
        guard exchange === self.exchange, exchange.isComplete else { return }
        finish(exchange)
    }

    private func finish(_ exchange: HTTPExchange) {
        exchange.finish()
        self.exchange = nil
        guard exchange.keepsAlive else { return end() }
        setDeadline(in: server.options.keepAliveTimeout)
        takeAhead()
    }

    // MARK: - Pipelining

    private func keepAhead(_ bytes: UnsafeRawBufferPointer) {
        ahead.append(bytes)
        guard ahead.count >= server.options.maxPipelinedBytes, !isPaused else { return }
        isPaused = true
        try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
    }

    /// Goes on with what came ahead. Answers may be written while requests are parsed, and end up here again: the outermost call does the work.
    private func takeAhead() {
        guard !isParsing else { return }
        while ahead.count > 0, phase == .serving, exchange?.isComplete != true {
            var bytes = ByteStore()
            swap(&bytes, &ahead)
            received(bytes.bytes)
        }
        if isPaused, ahead.count == 0 {
            isPaused = false
            try? context?.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }

    // MARK: - Ending

    /// No further request is read: FIN when everything is written, and a moment for the client to read it and close.
    func end() {
        guard phase == .serving else { return }
        phase = .ending
        ahead.removeAll()
        output.shutDownWhenWritten()
        setDeadline(in: server.options.lingerTimeout)
    }

    /// The connection is somebody else's now.
    func handOver() -> ChannelHandlerContext? {
        phase = .over
        deadline = nil
        exchange?.finish()
        exchange = nil
        return context
    }
}

extension HTTPHandler: TimerTarget {
    private func setDeadline(in ms: Int64) {
        let moment = loop.wheel.now + ms
        deadline = moment
        // A later deadline waits for the timer there is; only a sooner one needs a new timer. So requests move no timers.
        guard moment < timerMoment else { return }
        loop.wheel.cancel(timer)
        startTimer(at: moment)
    }

    private func startTimer(at moment: Int64) {
        timer = loop.wheel.schedule(at: moment, for: self)
        timerMoment = moment
    }

    func timerFired(_ id: TimerID, tag: UInt64) {
        timerMoment = .max
        guard let deadline else { return }
        guard deadline <= loop.wheel.now else { return startTimer(at: deadline) }
        self.deadline = nil
        switch phase {
        case .serving where exchange != nil:
            loop.counters.slowRequests += 1
            server.refused("too_slow", "the request took too long to come", from: remoteAddress)
            refuse(status: 408)
        case .serving, .ending: context?.close(promise: nil)
        case .over: break
        }
    }
}

extension HTTPHandler: LoopConnection {
    func drain() {
        if let exchange {
            exchange.keepsAlive = false
        } else {
            end()
        }
    }

    func abort() {
        context?.close(promise: nil)
    }
}
