import Synchronization

/// Answers one request. Any thread; only the first answer is sent.
///
/// `@unchecked Sendable`: `exchange` is used on `loop` only; everything else is immutable, atomic or behind its own
/// lock.
public final class HTTPResponder: @unchecked Sendable {
    /// [loop] ``HTTPExchange/finish()`` clears it.
    var exchange: HTTPExchange?
    private let loop: Loop
    private let streamLimit: Int
    private let isAnswered = Atomic<Bool>(false)
    private let goneFlag = Atomic<Bool>(false)
    private let goneHandlers = Mutex<[@Sendable () -> Void]>([])

    init(exchange: HTTPExchange, loop: Loop, streamLimit: Int) {
        self.exchange = exchange
        self.loop = loop
        self.streamLimit = streamLimit
    }

    /// Answers with a complete body. `Content-Length` and `Connection` are added; `headers` must not contain them.
    /// - Returns: false if the request has been answered already, or the client has disconnected.
    @discardableResult
    public func respond(status: Int, headers: [(String, String)], body: [UInt8]) -> Bool {
        body.withUnsafeBytes { respond(status: status, fields: HTTPFields(headers), body: $0) }
    }

    /// As ``respond(status:headers:body:)``. `body` need only be valid for the call; on the loop it is copied once,
    /// into the output.
    public func respond(status: Int, fields: HTTPFields, body: UnsafeRawBufferPointer) -> Bool {
        guard claim() else { return false }
        let head = HTTPResponseHead(status: status, fields: fields)
        if loop.eventLoop.inEventLoop {
            exchange?.respond(head, body: body)
        } else {
            loop.runOrEnqueue { [self, copy = Array(body)] in exchange?.respond(head, body: copy) }
        }
        return true
    }

    /// Answers with an error, which is counted and logged under `reason`.
    /// - Returns: false if the request has been answered already, or the client has disconnected.
    public func refuse(status: Int, reason: String, detail: String, headers: [(String, String)], body: [UInt8]) -> Bool
    {
        guard claim() else { return false }
        loop.runOrEnqueue { [self] in
            exchange?.refused(reason, detail)
            exchange?.respond(HTTPResponseHead(status: status, headers: headers), body: body)
        }
        return true
    }

    /// Answers with a body whose length is not known yet. nil if the request has been answered already, or the client
    /// has disconnected.
    public func stream(status: Int, fields: HTTPFields) -> HTTPStream? {
        guard claim() else { return nil }
        let stream = HTTPStream(loop: loop, limit: streamLimit)
        loop.runOrEnqueue { [self] in
            guard let exchange else { return stream.clientGone() }
            exchange.beginStream(HTTPResponseHead(status: status, fields: fields), stream)
        }
        return stream
    }

    /// Whether the client has disconnected; an answer is then dropped.
    public var isGone: Bool { goneFlag.load(ordering: .acquiring) }

    /// Adds a handler that is called if the client disconnects before the answer is complete: on the loop; at once on
    /// this thread if the client has disconnected already.
    public func onGone(_ handler: @escaping @Sendable () -> Void) {
        let isTooLate = goneHandlers.withLock { handlers in
            if goneFlag.load(ordering: .acquiring) { return true }
            handlers.append(handler)
            return false
        }
        if isTooLate { handler() }
    }

    private func claim() -> Bool {
        guard !isGone else { return false }
        return isAnswered.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
    }

    /// [loop]
    func clientGone() {
        let handlers = goneHandlers.withLock { handlers in
            goneFlag.store(true, ordering: .releasing)
            defer { handlers = [] }
            return handlers
        }
        for handler in handlers { handler() }
    }
}
