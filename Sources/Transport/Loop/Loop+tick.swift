import NIOCore
import SocketIO
import Support

/// What is written in one tick of the loop goes out together when the tick ends: one `send` per
/// connection, however many messages.
extension Loop {
    /// [loop] `output` has something to write.
    func markDirty(_ output: ConnectionOutput) {
        dirty.append(output)
        if !isReading { scheduleTickEnd() }
    }

    /// [loop] Something is to be done when this tick ends.
    func scheduleTickEnd() {
        guard !isTickEndScheduled else { return }
        isTickEndScheduled = true
        eventLoop.assumeIsolated().execute { [unowned self] in endTick() }
    }

    /// [loop] Runs `job` in a later tick: after what this tick wrote is on its way, and the
    /// loop has read what had come.
    public func executeAfterInput(_ job: @escaping @Sendable (Shard) -> Void) {
        let later = { [unowned self] in
            refreshClock()
            job(shard)
        }
        if let inputFence { return inputFence.enqueue(later) }
        // NIO looks at the connections only when no task is due: so the job becomes due a moment after the tick's end,
        // which is a task before this one.
        eventLoop.assumeIsolated().execute { [unowned self] in
            _ = eventLoop.assumeIsolated().scheduleTask(in: .microseconds(50), later)
        }
    }

    /// [loop] Handles what one read brought. What it makes this connection say goes out at once, or, on a busy loop,
    /// with what the others say when the tick ends; see ``FlushHeuristic``.
    @inline(__always)
    func read(from output: ConnectionOutput, _ body: () -> Void) {
        refreshClock()
        isReading = true
        body()
        isReading = false
        readEnded(output)
    }

    /// [loop] When a read of so many bytes begins: a moment of the clock, 0 if it is not worth timing.
    @inline(__always)
    func beginReading(_ bytes: Int, limit: Int32) -> Int64 {
        bytes >= ReadShares.timed || limit != 0 ? Clock.monotonicNanoseconds : 0
    }

    /// [loop] The read that began then has been handled: the channel reads as much from now on as
    /// its share of a tick allows.
    @inline(__always)
    func endReading(_ bytes: Int, isFull: Bool, since began: Int64, limit: inout Int32, of channel: any Channel) {
        if began != 0 { share(bytes, isFull: isFull, since: began, limit: &limit, of: channel) }
    }

    private func share(_ bytes: Int, isFull: Bool, since began: Int64, limit: inout Int32, of channel: any Channel) {
        let before = limit
        let isFirst = readShares.record(
            bytes: bytes, isFull: isFull, nanoseconds: Clock.monotonicNanoseconds - began, limit: &limit)
        if limit != before {
            try? channel.syncOptions?.setOption(.recvAllocator, value: ReceiveAllocator(on: self, limit: limit))
        }
        // NIO runs tasks when it has looked at every connection that had something.
        if isFirst { eventLoop.assumeIsolated().execute { [unowned self] in readShares.tickEnded() } }
    }

    private func readEnded(_ output: ConnectionOutput) {
        guard !dirty.isEmpty else { return }
        if dirty.count == 1, !isTickEndScheduled, dirty[0] === output, !flushHeuristic.shouldDefer() {
            // No task is made for an echo.
            dirty.removeAll(keepingCapacity: true)
            output.flush()
            if dirty.isEmpty { return }
        }
        scheduleTickEnd()
    }

    private func endTick() {
        isTickEndScheduled = false
        if needsRelief { closeUnauthenticated() }
        for table in tables { table.tickEnded() }
        // Writing may end connections, and that may make others write: they get their turn in the same way.
        var outputs = ContiguousArray<ConnectionOutput>()
        swap(&outputs, &dirty)
        let isBatch = outputs.count >= SendRing.worthwhile
        flushHeuristic.record(isBatch)
        if let sendRing, isBatch {
            sendRing.flush(outputs)
        } else {
            for output in outputs { output.flush() }
        }
        if dirty.isEmpty {
            outputs.removeAll(keepingCapacity: outputs.capacity <= Self.keptOutputs)
            swap(&outputs, &dirty)
        }
    }

    /// A list of this many outputs is kept for the next tick; 256 KB.
    private static let keptOutputs = 32_768
}

/// Predicts whether the next connection to be read will share its tick with so many others with something to write that
/// all of them are better written to together, with one system call, than each by itself.
///
/// NIO does not tell how many connections a tick will bring, so the last tick that was looked at has to do. A loop with
/// few outputs answers at once, which makes no task and leaves no answer waiting, and looks again now and then.
struct FlushHeuristic {
    /// Answers sent at once before the next look. A look costs a task.
    private static let checkInterval = 64

    private var lastWasBatch = false
    private var answersBeforeCheck = 0

    /// Asked for the first answer of a tick. `true`: let it wait for the tick's end, and ``record(_:)`` what came.
    @inline(__always)
    mutating func shouldDefer() -> Bool {
        if lastWasBatch || answersBeforeCheck == 0 { return true }
        answersBeforeCheck -= 1
        return false
    }

    /// A tick has ended in which answers waited for each other.
    @inline(__always)
    mutating func record(_ wasBatch: Bool) {
        lastWasBatch = wasBatch
        answersBeforeCheck = Self.checkInterval
    }
}
