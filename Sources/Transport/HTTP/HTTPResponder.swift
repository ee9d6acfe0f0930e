import Synchronization

/// The way to answer one request. Any thread; the first answer counts.
///
/// `@unchecked Sendable`: `exchange` is touched on `loop` alone; everything else is immutable or behind its own lock.
public final class HTTPResponder: @unchecked Sendable {
    /// [loop] nil once the answer is complete or the client gone.
    private weak var exchange: HTTPExchange?
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
        guard claim() else { return false }
        loop.perform { [self] in
            exchange?.respond(HTTPResponseHead(status: status, headers: headers.filter(Self.isSafe)), body: body)
        }
        return true
    }

    /// Answers with a body whose length is not known yet; nil when there was an answer already, or nobody is there to read it.
    public func stream(status: Int, headers: [(String, String)]) -> HTTPStream? {
        guard claim() else { return nil }
        let stream = HTTPStream(loop: loop, limit: streamLimit)
        loop.perform { [self] in
            guard let exchange else { return stream.clientGone() }
            exchange.beginStream(HTTPResponseHead(status: status, headers: headers.filter(Self.isSafe)), stream)
        }
        return stream
    }

    /// Whether the client has gone away: an answer is of no use any more.
    public var isGone: Bool { goneFlag.load(ordering: .acquiring) }

    /// Has `handler` called when the client goes away before the answer is complete, at once if it has. On the loop, or on this thread.
    public func onGone(_ handler: @escaping @Sendable () -> Void) {
        let isTooLate = goneHandlers.withLock { handlers in
            if goneFlag.load(ordering: .acquiring) { return true }
            handlers.append(handler)
            return false
        }
        if isTooLate { handler() }
    }

    /// A header that could end its line early would let whoever wrote it write the rest of the answer: it is left out.
    private static func isSafe(_ header: (name: String, value: String)) -> Bool {
        !header.name.isEmpty && !header.name.utf8.contains { $0 <= 0x20 || $0 == 0x3A || $0 == 0x7F }
            && !header.value.utf8.contains { $0 == 0x0D || $0 == 0x0A || $0 == 0 }
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
