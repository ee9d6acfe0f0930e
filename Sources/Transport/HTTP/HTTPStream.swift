import Synchronization

/// An answer that is written piece by piece. Any thread; pieces of one thread stay in order.
///
/// `@unchecked Sendable`: `exchange` and `written` are touched on `loop` alone; everything else is immutable,
/// atomic or behind its own lock.
public final class HTTPStream: @unchecked Sendable {
    public enum WriteResult: Sendable {
        /// It will be sent.
        case accepted
        /// The reader is behind by ``TransportOptions/maxStreamBuffer``; nothing was taken. Try again when
        /// ``onDrain(_:)`` calls, or later.
        case full
        /// Nobody is there to read it.
        case gone
    }

    private let loop: Loop
    private let limit: Int
    /// [loop]
    private weak var exchange: HTTPExchange?
    /// Accepted, and not yet taken by the kernel; bytes.
    private let pending = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)
    /// A piece was refused since ``onDrain(_:)`` was last called.
    private let isFull = Atomic<Bool>(false)
    private let handlers = Mutex(Handlers())
    /// [loop] Handed to the connection since it was last empty.
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

    /// Sends `bytes`.
    public func write(_ bytes: [UInt8]) -> WriteResult {
        guard !isOver.load(ordering: .acquiring) else { return .gone }
        guard !bytes.isEmpty else { return .accepted }
        if !reserve(bytes.count) {
            isFull.store(true, ordering: .sequentiallyConsistent)
            // The reader may have caught up between the two looks, and then nobody would be called.
            guard reserve(bytes.count) else { return .full }
        }
        loop.runOrEnqueue { [self] in
            guard let exchange else { return }
            written += bytes.count
            exchange.writeChunk(bytes)
        }
        return .accepted
    }

    /// Takes room for a piece. One piece is always taken when nothing waits, so that a piece larger than
    /// the limit is no dead end.
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

    /// The answer is complete.
    public func end() {
        guard !isOver.exchange(true, ordering: .acquiringAndReleasing) else { return }
        handlers.withLock { $0 = Handlers() }
        loop.runOrEnqueue { [self] in
            exchange?.endStream()
            exchange = nil
        }
    }

    /// Has `handler` called on the loop each time the reader has taken everything, after a piece was refused as
    /// ``WriteResult/full``. It may be called once without need: a writer that finds no room writes again later. It
    /// must not block. The last handler counts.
    public func onDrain(_ handler: @escaping @Sendable () -> Void) {
        handlers.withLock { if !$0.isGone { $0.drain = handler } }
    }

    /// Has `handler` called when the reader goes away before ``end()``, at once if it has: on the loop, or on this
    /// thread. It must not block.
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

    /// [loop] The kernel has taken everything that was handed to the connection.
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
