import NIOCore
import SocketIO
import Support

/// All messages that one tick of the loop writes to a connection go out with one `send` when the tick ends.
extension Loop {
    /// [loop] `output` has bytes to write at the end of the tick.
    func markDirty(_ output: ConnectionOutput) {
        dirty.append(output)
        if !isReading { scheduleTickEnd() }
    }

    /// [loop] Makes sure that ``endTick()`` runs in this tick.
    func scheduleTickEnd() {
        guard !isTickEndScheduled else { return }
        isTickEndScheduled = true
        eventLoop.assumeIsolated().execute { [unowned self] in endTick() }
    }

    /// [loop] Runs `job` in a later tick: after this tick's output is sent and all pending input has been read.
    public func executeAfterInput(_ job: @escaping @Sendable (Shard) -> Void) {
        runAfterInput { [unowned self] in job(shard) }
    }

    /// [loop] The same for what belongs to this loop.
    func runAfterInput(_ job: @escaping () -> Void) {
        let later = { [unowned self] in
            refreshClock()
            job()
        }
        if let inputFence { return inputFence.enqueue(later) }
        // Without a fence: NIO reads connections only when no task is due. The task below runs after the end of this
        // tick, and schedules the job for a moment later, so that NIO reads in between.
        eventLoop.assumeIsolated().execute { [unowned self] in
            _ = eventLoop.assumeIsolated().scheduleTask(in: .microseconds(50), later)
        }
    }

    /// [loop] Handles the bytes of one read with `body`. What `body` writes to `output` is sent at once, or, on a busy
    /// loop, together with the other outputs when the tick ends; see ``FlushHeuristic``.
    @inline(__always)
    func read(from output: ConnectionOutput, _ body: () -> Void) {
        refreshClock()
        isReading = true
        body()
        isReading = false
        readEnded(output)
    }

    /// [loop] Called before a read of `bytes` is handled. Returns the current time in ns, or 0 if the read is not
    /// timed.
    @inline(__always)
    func beginReading(_ bytes: Int, limit: Int32) -> Int64 {
        bytes >= ReadShares.timed || limit != 0 ? Clock.monotonicNanoseconds : 0
    }

    /// [loop] Called after that read has been handled; sets how much the channel reads at a time from now on. `began`:
    /// what ``beginReading(_:limit:)`` returned.
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
        // NIO runs this task after it has read every connection that had input.
        if isFirst { eventLoop.assumeIsolated().execute { [unowned self] in readShares.tickEnded() } }
    }

    private func readEnded(_ output: ConnectionOutput) {
        guard !dirty.isEmpty else { return }
        if dirty.count == 1, !isTickEndScheduled, dirty[0] === output, !flushHeuristic.shouldDefer() {
            // The common case of one answer to one message needs no task.
            dirty.removeAll(keepingCapacity: true)
            output.flush()
            if dirty.isEmpty { return }
        }
        scheduleTickEnd()
    }

    private func endTick() {
        isTickEndScheduled = false
        if needsMemory { closeUnauthenticated() }
        for table in tables { table.tickEnded() }
        // Flushing may end connections, and this may write to other outputs: the next tick flushes those.
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

    /// The array of outputs keeps its storage up to this many elements; 256 KB.
    private static let keptOutputs = 32_768
}

/// Predicts whether the current tick will write to so many connections that one system call for all of them is cheaper
/// than one call for each.
///
/// NIO does not report how many connections a tick will read, so the last tick that deferred its answers serves as the
/// estimate. A loop with few outputs answers at once, without a task, and defers one answer now and then to measure
/// again.
struct FlushHeuristic {
    /// Answers that are sent at once between two deferred ones. A deferred answer costs a task.
    private static let checkInterval = 64

    private var lastWasBatch = false
    private var answersBeforeCheck = 0

    /// Called for the first answer of a tick. `true`: the answer waits for the end of the tick, which then calls
    /// ``record(_:)``.
    @inline(__always)
    mutating func shouldDefer() -> Bool {
        if lastWasBatch || answersBeforeCheck == 0 { return true }
        answersBeforeCheck -= 1
        return false
    }

    /// Called at the end of a tick with deferred answers. `wasBatch`: the tick had enough outputs for one common call.
    @inline(__always)
    mutating func record(_ wasBatch: Bool) {
        lastWasBatch = wasBatch
        answersBeforeCheck = Self.checkInterval
    }
}
