/// One request and its answer. [loop]
///
/// It is complete when the whole request has been received and the answer has been written, in either order: a request
/// that is too large or refused is answered before its body has arrived.
final class HTTPExchange {
    /// What answers the request.
    enum Route {
        /// Not decided yet, or over.
        case none
        /// The application; the receiver gets the complete request, nil if the body is not wanted.
        case application(HTTPResponder, (any HTTPRequestReceiver)?)
        case polling(PollingRequest)
        case webSocket(Endpoint)
    }

    let head: HTTPRequestHead
    /// Fields of every answer to this request (CORS).
    var commonFields = HTTPFields()
    var route = Route.none
    var bodyLimit: Int
    var body: [UInt8] = []
    /// Bytes of the body that were received and dropped.
    var discarded = 0
    var keepsAlive: Bool
    private(set) var isAnswered = false
    var isComplete = false
    /// Another loop is finding out how large the body may be; none of the body is parsed until then.
    var awaitsBodyLimit = false
    /// The body is too large: the rest of it is dropped. The answer may have to wait for another loop.
    var dropsBody = false
    var isStreaming: Bool { stream != nil }
    private var stream: HTTPStream?
    private var isChunked = false

    /// ``finish()`` clears it.
    private(set) var handler: HTTPHandler?

    init(head: HTTPRequestHead, bodyLimit: Int, handler: HTTPHandler?) {
        self.head = head
        self.bodyLimit = bodyLimit
        self.handler = handler
        // After a request for another protocol, it is unknown which protocol the client continues with, whatever the
        // answer is.
        keepsAlive = head.isKeptAlive && !head.asksForUpgrade
    }

    /// `Content-Length` is larger than allowed.
    var exceedsBodyLimit: Bool {
        guard case .length(let length) = head.framing else { return false }
        return length > bodyLimit
    }

    /// The body is larger than allowed, or is chunked and may become so.
    var mayBeTooMuch: Bool { exceedsBodyLimit || head.framing == .chunked }

    // MARK: - Body

    /// Bytes from which on the capacity of the body grows in large steps; see ``append(_:)``.
    private static let largeBody = 65_536
    private static let largeStep = 16

    /// Appends to the body. A large body gets its whole capacity in one step, or sixteen times its present size if the
    /// length is unknown. If it grew by doubling, a loop with many uploads would copy all of them in the same tick.
    /// Pages that nothing is written to use no memory.
    func append(_ bytes: UnsafeRawBufferPointer) {
        let count = body.count + bytes.count
        if count > body.capacity, count >= Self.largeBody {
            let expected = if case .length(let length) = head.framing { length } else { bodyLimit }
            body.reserveCapacity(max(count, min(expected, count * Self.largeStep)))
        }
        body.append(contentsOf: bytes)
    }

    // MARK: - Answers

    func respond(_ head: HTTPResponseHead, body: [UInt8]) {
        body.withUnsafeBytes { respond(head, body: $0) }
    }

    func respond(_ head: HTTPResponseHead, body: UnsafeRawBufferPointer) {
        respond(head, count: body.count) { $0.copyMemory(from: body) }
    }

    /// Answers with a body of exactly `count` bytes, which `fill` writes in place.
    func respond(_ responseHead: HTTPResponseHead, count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        guard !isAnswered, let handler else { return }
        isAnswered = true
        if handler.loop.settings.logsRequests {
            handler.server.log(head, status: responseHead.status, from: handler.remoteAddress)
        }
        let isBodyless = responseHead.status == 204 || responseHead.status == 304
        let space = isBodyless || head.method == .head ? 0 : count
        let body = responseHead.write(
            to: handler.output, common: commonFields, framing: isBodyless ? .none : .length(count),
            connection: connectionHeader, space: space)
        if space > 0 { fill(UnsafeMutableRawBufferPointer(start: body, count: space)) }
        handler.answered(self)
    }

    /// Reports the answer as a refusal, with the reason.
    func refused(_ reason: String, _ detail: String) {
        guard let handler else { return }
        handler.server.refused(
            reason, "\(head.methodText) \(head.string(head.target.path)): \(detail)", from: handler.remoteAddress)
    }

    func beginStream(_ responseHead: HTTPResponseHead, _ stream: HTTPStream) {
        guard !isAnswered, let handler else { return stream.clientGone() }
        if handler.loop.settings.logsRequests {
            handler.server.log(head, status: responseHead.status, from: handler.remoteAddress)
        }
        isChunked = !head.isHTTP10
        if !isChunked { keepsAlive = false }
        responseHead.write(
            to: handler.output, common: commonFields, framing: isChunked ? .chunked : .none,
            connection: connectionHeader)
        self.stream = stream
        handler.output.onDrained = { [weak self] in self?.streamDrained() }
        handler.watchPeer()
        stream.began(self)
    }

    /// The peer has read everything: no deadline until the next piece.
    private func streamDrained() {
        handler?.deadline = nil
        stream?.drained()
    }

    func writeChunk(_ bytes: [UInt8]) {
        guard let handler else { return }
        if handler.deadline == nil { handler.watchPeer() }
        if isChunked {
            let size = String(bytes.count, radix: 16) + "\r\n"
            let start = handler.output.append(size.utf8.count + bytes.count + 2)
            let chunk = UnsafeMutableRawBufferPointer(start: start, count: size.utf8.count + bytes.count + 2)
            chunk.copyBytes(from: size.utf8)
            UnsafeMutableRawBufferPointer(rebasing: chunk[size.utf8.count...]).copyBytes(from: bytes)
            chunk[chunk.count - 2] = 0x0D
            chunk[chunk.count - 1] = 0x0A
        } else {
            bytes.withUnsafeBytes { handler.output.append($0) }
        }
    }

    func endStream() {
        guard let handler, stream != nil else { return }
        stream = nil
        handler.output.onDrained = nil
        if isChunked, head.method != .head { handler.output.append("0\r\n\r\n") }
        isAnswered = true
        handler.answered(self)
    }

    private var connectionHeader: StaticString? {
        if !keepsAlive { return "close" }
        return head.isHTTP10 ? "keep-alive" : nil
    }

    // MARK: - Endings

    /// Ends the exchange, and breaks its references to the handler and the answering object.
    func finish() {
        switch route {
        case .polling(let request): request.exchange = nil
        case .application(let responder, _): responder.exchange = nil
        case .webSocket, .none: break
        }
        route = .none
        handler = nil
    }

    /// Ends the exchange because the client disconnected before it was complete.
    func clientGone() {
        let route = self.route
        stream?.clientGone()
        stream = nil
        finish()
        switch route {
        case .application(let responder, _): responder.clientGone()
        case .polling(let request): request.clientGone()
        case .webSocket, .none: break
        }
    }
}
