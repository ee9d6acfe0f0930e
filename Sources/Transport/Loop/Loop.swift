import EngineIO
import NIOCore
import SocketIO
import Support

/// One event loop with everything that lives on it: its shard of sockets, its timers, its connections' output.
///
/// A connection lives and dies on one loop, so nothing here takes a lock. What is marked [loop] may be touched on the loop's
/// thread only, which debug builds check.
///
/// `@unchecked Sendable`: the lets are immutable and Sendable; every var is touched on `eventLoop` alone ([loop]).
public final class Loop: @unchecked Sendable {
    /// 0 ..< number of loops; the first character of the session ids made here, the top byte of the socket handles.
    public let index: Int
    public let eventLoop: any EventLoop

    /// [loop] Timers in ms of ``Support/Clock/monotonicMilliseconds``; driven by one scheduled task.
    let wheel: TimerWheel
    private var attached: Shard?
    var wakeUpTask: Scheduled<Void>?
    /// [loop] The loop was late, and reads what has come before it fires timers.
    var isCatchingUp = false
    /// [loop] nil: timers of a late loop do not wait.
    var inputFence: InputFence?

    /// [loop] Outputs with something to write when the tick ends.
    var dirty: ContiguousArray<ConnectionOutput> = []
    var isTickEndScheduled = false
    /// A connection's bytes are being handled right now; its tick ends when they have been.
    var isReading = false
    var flushHeuristic = FlushHeuristic()
    let pool = BufferPool()
    /// Where many connections are written to at once; nil: each by itself.
    var sendRing: SendRing?
    package let receiveBuffers = ReceiveBuffers()
    /// [loop] How much connections read at a time.
    var readShares = ReadShares()

    /// [loop] The sessions of each endpoint, in the order of the server's endpoints.
    var tables: [SessionTable] = []
    /// [loop] Connections that are open, so that a stopping server can end them.
    var connections: [ObjectIdentifier: any LoopConnection] = [:]
    var counters = LoopCounters()
    var lag = LoopLag()
    /// [loop] Charged with everything that the loop holds for its clients. The server puts its own here.
    var account = MemoryAccount()
    /// [loop] ``account`` is exceeded, and somebody has to go at the end of the tick.
    var needsRelief = false
    /// [loop] It was exceeded in the housekeeping before as well.
    var wasExceeded = false
    /// [loop] Tenths of a second since the loop began, more or less.
    var housekeepingRuns: UInt64 = 0
    private var lastSerial: UInt64 = 0

    init(index: Int, eventLoop: any EventLoop) {
        self.index = index
        self.eventLoop = eventLoop
        wheel = TimerWheel(now: Clock.monotonicMilliseconds)
        wheel.onEarlier = { [unowned self] moment in arm(at: moment) }
    }

    /// [loop] The sockets and rooms of this loop.
    public var shard: Shard {
        eventLoop.assertInEventLoop()
        guard let attached else { preconditionFailure("loop \(index) was used before Loops.start gave it a shard") }
        return attached
    }

    /// [loop] Timers of this loop, for whoever is attached to it.
    public var timers: TimerWheel {
        eventLoop.assertInEventLoop()
        return wheel
    }

    /// Runs `job` on the loop, after what was handed over before it by the same thread. Any thread.
    public func execute(_ job: @escaping @Sendable (Shard) -> Void) {
        enqueue { [self] in job(shard) }
    }

    /// Runs `job` on the loop: here and now if this is its thread, else handed over.
    func runOrEnqueue(_ job: @escaping @Sendable () -> Void) {
        if eventLoop.inEventLoop { job() } else { enqueue(job) }
    }

    private func enqueue(_ job: @escaping @Sendable () -> Void) {
        if let batch = JobBatch.current { return batch.add(job, to: self) }
        eventLoop.execute { [self] in
            refreshClock()
            job()
        }
    }

    /// [loop] What the loop counted, and the sessions on it.
    var countersWithSessions: LoopCounters {
        var counters = counters
        for table in tables { counters.add(table) }
        counters.heldBytes = UInt64(max(0, account.held))
        return counters
    }

    /// [loop] The number of a new connection.
    func nextSerial() -> UInt64 {
        lastSerial += 1
        return lastSerial
    }

    package func attach(_ shard: Shard) {
        attached = shard
    }
}
