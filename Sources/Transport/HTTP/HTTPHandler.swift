import EngineIO
import NIOCore
import NIOHTTP1

/// One HTTP/1.1 connection: requests in, one at a time, answers out in their order. Behind NIO's request decoder. [loop]
final class HTTPHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart

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
    /// Parts of requests sent ahead of the answer to the one before.
    private var ahead: CircularBuffer<HTTPServerRequestPart> = []
    private var requestsAhead = 0
    private var isPaused = false
    private var isTakingAhead = false
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
        let part = unwrapInboundIn(data)
        guard phase == .serving else { return }
        loop.read(from: output) {
            if let exchange, exchange.isComplete || !ahead.isEmpty {
                queueAhead(part)
            } else {
                received(part)
            }
        }
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
        guard phase == .serving, error is HTTPParserError else {
            context.close(promise: nil)
            return
        }
        loop.counters.badRequests += 1
        if let exchange, exchange.isComplete, !exchange.isAnswered {
            // The answer under way belongs to a good request; the bad one behind it ends the connection.
            exchange.keepsAlive = false
            return
        }
        let isTooLarge = (error as? HTTPParserError) == .headerOverflow
        refuse(status: isTooLarge ? 431 : 400)
    }

    /// Answers what is no request, and ends the connection.
    private func refuse(status: Int) {
        exchange?.clientGone()
        exchange = nil
        HTTPResponseHead(status: status).write(to: output, framing: .length(0), connection: "close")
        end()
    }

    // MARK: - Requests

    private func received(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head): begin(head)
        case .body(let bytes): receivedBody(bytes)
        case .end: completed()
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        loop.counters.requests += 1
        let exchange = HTTPExchange(head: head, bodyLimit: server.options.maxHTTPBody, handler: self)
        self.exchange = exchange
        if server.isStopping.load(ordering: .relaxed) { exchange.keepsAlive = false }
        // After a request that asks for another protocol the decoder reads no further, whatever the answer.
        if head.headers.contains(name: "upgrade"), head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" }) {
            exchange.keepsAlive = false
        }
        setDeadline(in: server.options.bodyTimeout)
        if let cors = server.options.cors, applyCORS(cors, to: exchange) {
            // A preflight, and answered.
        } else if let endpoint = server.endpoint(for: exchange.path) {
            route(exchange, to: endpoint)
        } else {
            let responder = HTTPResponder(exchange: exchange, loop: loop, streamLimit: server.options.maxStreamBuffer)
            exchange.route = .application(responder)
        }
        guard !exchange.isAnswered else { return }
        if exchange.announcesTooMuch { return refuseBody(of: exchange) }
        if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            output.append("HTTP/1.1 100 Continue\r\n\r\n")
        }
    }

    /// Answers a preflight, which asks for no more than that, and names the origin in the answer to anything else.
    /// - Returns: whether it was a preflight.
    private func applyCORS(_ cors: CORSOptions, to exchange: HTTPExchange) -> Bool {
        let headers = exchange.head.headers
        let origin = headers.first(name: "origin")
        guard exchange.head.method == .OPTIONS else {
            exchange.commonHeaders = cors.headers(for: origin)
            return false
        }
        let preflight = cors.preflightHeaders(for: origin, requestedHeaders: headers.first(name: "access-control-request-headers"))
        exchange.respond(HTTPResponseHead(status: 204, headers: preflight.map { ($0.name, $0.value) }), body: [])
        return true
    }

    private func receivedBody(_ bytes: ByteBuffer) {
        guard let exchange else { return }
        guard !exchange.isAnswered else {
            exchange.discarded += bytes.readableBytes
            if exchange.discarded > Self.maxDiscarded { context?.close(promise: nil) }
            return
        }
        guard exchange.body.count + bytes.readableBytes <= exchange.bodyLimit else { return refuseBody(of: exchange) }
        bytes.withUnsafeReadableBytes { exchange.body.append(contentsOf: $0) }
    }

    /// 413, and what is still to come of the body is dropped. A session the request belongs to lives on.
    private func refuseBody(of exchange: HTTPExchange) {
        exchange.body = []
        if case .polling(let request) = exchange.route { request.bodyRefused() }
        exchange.respond(HTTPResponseHead(status: 413), body: [])
    }

    private func completed() {
        guard let exchange else { return }
        exchange.isComplete = true
        guard !exchange.isAnswered else { return finish(exchange) }
        deadline = nil
        switch exchange.route {
        case .none: break
        case .polling(let request): request.bodyComplete()
        case .webSocket(let endpoint): upgrade(exchange, to: endpoint)
        case .application(let responder):
            let request = HTTPRequest(
                method: exchange.head.method.rawValue, path: String(exchange.path), query: String(exchange.query),
                headers: exchange.head.headers.map { ($0.name, $0.value) }, body: exchange.body, remoteAddress: remoteAddress,
                secure: false, loop: loop)
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

    private func queueAhead(_ part: HTTPServerRequestPart) {
        ahead.append(part)
        if case .end = part { requestsAhead += 1 }
        if requestsAhead >= server.options.maxPipelinedRequests || ahead.count >= server.options.maxPipelinedRequests * 4, !isPaused {
            isPaused = true
            try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
        }
    }

    /// Goes on with what came ahead. Answers may be written while this runs, and end up here again: the outermost call does the work.
    private func takeAhead() {
        guard !isTakingAhead else { return }
        isTakingAhead = true
        defer { isTakingAhead = false }
        while phase == .serving, exchange?.isComplete != true, let part = ahead.popFirst() {
            if case .end = part { requestsAhead -= 1 }
            received(part)
        }
        if isPaused, ahead.isEmpty {
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
