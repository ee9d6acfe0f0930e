import Synchronization

/// A response body that is written in pieces. Any thread; pieces from one thread stay in order.
///
/// `@unchecked Sendable`: `exchange` and `written` are used on `loop` only; everything else is immutable, atomic or
/// behind its own lock.
public final class HTTPStream: @unchecked Sendable {
    public enum WriteResult: Sendable {
        /// The piece will be sent.
        case accepted
        /// Nothing was accepted, because more than ``TransportOptions/maxStreamBuffer`` would be unsent. Write the
        /// piece again when ``onDrain(_:)`` calls, or later.
        case full
        /// The client has disconnected, or the stream has been ended.
        case gone
    }

    private let loop: Loop
    private let limit: Int
    /// [loop]
    private weak var exchange: HTTPExchange?
    /// Accepted bytes that the kernel does not have yet.
    private let pending = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)
    /// A piece was refused since the handler of ``onDrain(_:)`` was last called.
    private let isFull = Atomic<Bool>(false)
    private let handlers = Mutex(Handlers())
    /// [loop] Bytes appended to the connection since its output was last empty.
    private var written = 0

    private struct Handlers {
        var drain: (@Sendable () -> Void)?
        var gone: [@Sendable () -> Void] = []
        var isGone = false
    }

    init(loop: Loop, limit: Int) {
        self.loop = loop
        self.limit = limit
    }

    /// Sends `bytes`, or refuses them all.
    public func write(_ bytes: [UInt8]) -> WriteResult {
        guard !isOver.load(ordering: .acquiring) else { return .gone }
        guard !bytes.isEmpty else { return .accepted }
        if !reserve(bytes.count) {
            isFull.store(true, ordering: .sequentiallyConsistent)
            // The output may have drained between the first attempt and setting the flag; then no handler would be
            // called.
            guard reserve(bytes.count) else { return .full }
        }
        loop.runOrEnqueue { [self] in
            guard let exchange else { return }
            written += bytes.count
            // The answer to HEAD has no body, so there is no output that could drain later.
            if exchange.head.method == .head { drained() } else { exchange.writeChunk(bytes) }
        }
        return .accepted
    }

    /// Reserves buffer space for a piece. When nothing is pending, any piece is accepted, so that a piece larger than
    /// the limit can be sent at all.
    private func reserve(_ count: Int) -> Bool {
        var before = pending.load(ordering: .sequentiallyConsistent)
        while before == 0 || before + count <= limit {
            let (exchanged, original) = pending.compareExchange(
                expected: before, desired: before + count, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            before = original
        }
        return false
    }

    /// Ends the response after the pieces accepted so far.
    public func end() {
        guard !isOver.exchange(true, ordering: .acquiringAndReleasing) else { return }
        handlers.withLock { $0 = Handlers() }
        loop.runOrEnqueue { [self] in
            exchange?.endStream()
            exchange = nil
        }
    }

    /// Sets the handler that is called on the loop when all output has been sent, after a piece was refused as
    /// ``WriteResult/full``. It may be called once without need, so a writer that is refused again waits for the next
    /// call. It must not block. It replaces an earlier handler.
    public func onDrain(_ handler: @escaping @Sendable () -> Void) {
        handlers.withLock { if !$0.isGone { $0.drain = handler } }
    }

    /// Adds a handler that is called if the client disconnects before ``end()``: on the loop; at once on this thread if
    /// the client has disconnected already. It must not block.
    public func onGone(_ handler: @escaping @Sendable () -> Void) {
        let isTooLate = handlers.withLock { handlers in
            if !handlers.isGone { handlers.gone.append(handler) }
            return handlers.isGone
        }
        if isTooLate { handler() }
    }

    /// [loop]
    func began(_ exchange: HTTPExchange) {
        self.exchange = exchange
    }

    /// [loop] The kernel has accepted all output of the connection.
    func drained() {
        guard written > 0 else { return }
        pending.subtract(written, ordering: .sequentiallyConsistent)
        written = 0
        guard isFull.exchange(false, ordering: .sequentiallyConsistent) else { return }
        handlers.withLock { $0.drain }?()
    }

    /// [loop]
    func clientGone() {
        exchange = nil
        guard !isOver.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let gone = handlers.withLock { handlers in
            defer {
                handlers = Handlers()
                handlers.isGone = true
            }
            return handlers.gone
        }
        for handler in gone { handler() }
    }
}
