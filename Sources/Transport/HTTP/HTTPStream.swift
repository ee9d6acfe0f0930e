import Synchronization

/// An answer that is written piece by piece. Any thread; pieces of one thread stay in order.
///
/// `@unchecked Sendable`: `exchange` is touched on `loop` alone; everything else is immutable, atomic or behind its own lock.
public final class HTTPStream: @unchecked Sendable {
    public enum WriteResult: Sendable {
        /// It will be sent.
        case accepted
        /// The reader is behind by ``TransportOptions/maxStreamBuffer``; nothing was taken. Try again when ``onDrain(_:)`` calls, or later.
        case full
        /// Nobody is there to read it.
        case gone
    }

    private let loop: Loop
    private let limit: Int
    /// [loop]
    private weak var exchange: HTTPExchange?
    /// Accepted, and not yet taken by the kernel.
    private let pending = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)
    private let drainHandler = Mutex<(@Sendable () -> Void)?>(nil)
    /// [loop] Handed to the connection since it was last empty.
    private var written = 0

    init(loop: Loop, limit: Int) {
        self.loop = loop
        self.limit = limit
    }

    /// Sends `bytes`.
    public func write(_ bytes: [UInt8]) -> WriteResult {
        guard !isOver.load(ordering: .acquiring) else { return .gone }
        guard !bytes.isEmpty else { return .accepted }
        // One piece is always taken when nothing waits, so that a piece larger than the limit is no dead end.
        let before = pending.load(ordering: .relaxed)
        guard before == 0 || before + bytes.count <= limit else { return .full }
        pending.add(bytes.count, ordering: .relaxed)
        loop.perform { [self] in
            guard let exchange else { return }
            written += bytes.count
            exchange.writeChunk(bytes)
        }
        return .accepted
    }

    /// The answer is complete.
    public func end() {
        guard !isOver.exchange(true, ordering: .acquiringAndReleasing) else { return }
        loop.perform { [self] in
            exchange?.endStream()
            exchange = nil
        }
    }

    /// Has `handler` called on the loop whenever everything written so far is out.
    public func onDrain(_ handler: @escaping @Sendable () -> Void) {
        drainHandler.withLock { $0 = handler }
    }

    /// [loop]
    func began(_ exchange: HTTPExchange) {
        self.exchange = exchange
    }

    /// [loop] The kernel has taken everything that was handed to the connection.
    func drained() {
        guard written > 0 else { return }
        pending.subtract(written, ordering: .relaxed)
        written = 0
        drainHandler.withLock { $0 }?()
    }

    /// [loop]
    func clientGone() {
        isOver.store(true, ordering: .releasing)
        exchange = nil
    }
}
