import Synchronization

/// The way to answer one request. Any thread; the first answer counts.
///
/// `@unchecked Sendable`: `exchange` is touched on `loop` alone; everything else is immutable or behind its own lock.
public final class HTTPResponder: @unchecked Sendable {
    /// [loop] nil once the answer is complete or the client gone; the exchange sees to that.
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

    /// Answers with everything at once. `Content-Length` and `Connection` are added; `headers` must not name them.
    /// - Returns: false when there was an answer already, or nobody is there to read it.
    @discardableResult
    public func respond(status: Int, headers: [(String, String)], body: [UInt8]) -> Bool {
        body.withUnsafeBytes { respond(status: status, fields: HTTPFields(headers), body: $0) }
    }

    /// The same with a body on loan: on the loop it is copied once, to where it goes out.
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
    /// - Returns: false when there was an answer already, or nobody is there to read it.
    public func refuse(status: Int, reason: String, detail: String, headers: [(String, String)], body: [UInt8]) -> Bool
    {
        guard claim() else { return false }
        loop.runOrEnqueue { [self] in
            exchange?.refused(reason, detail)
            exchange?.respond(HTTPResponseHead(status: status, headers: headers), body: body)
        }
        return true
    }

    /// Answers with a body whose length is not known yet; nil when there was an answer already, or
    /// nobody is there to read it.
    public func stream(status: Int, fields: HTTPFields) -> HTTPStream? {
        guard claim() else { return nil }
        let stream = HTTPStream(loop: loop, limit: streamLimit)
        loop.runOrEnqueue { [self] in
            guard let exchange else { return stream.clientGone() }
            exchange.beginStream(HTTPResponseHead(status: status, fields: fields), stream)
        }
        return stream
    }

    /// Whether the client has gone away: an answer is of no use any more.
    public var isGone: Bool { goneFlag.load(ordering: .acquiring) }

    /// Has `handler` called when the client goes away before the answer is complete, at once if it has. On the
    /// loop, or on this thread.
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
