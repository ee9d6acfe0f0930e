import EngineIO
import Glibc
import NIOCore
import SocketIO
import Support
import Synchronization

/// One event loop and everything that belongs to it: its shard of sockets, its timers and its connections' output.
///
/// A connection object belongs to one loop, so nothing here takes a lock. (A WebSocket may move to another loop: its
/// socket then gets a new channel and new objects there.) Members marked [loop] may be used on the loop's thread only;
/// ``shard`` and ``timers`` check this in debug builds.
///
/// `@unchecked Sendable`: the `let`s are immutable and Sendable; every `var` is used on the thread of `eventLoop` only
/// ([loop]).
public final class Loop: @unchecked Sendable {
    /// 0 ..< number of loops. The first character of the session ids made here, and the top byte of the socket handles.
    public let index: Int
    public let eventLoop: any EventLoop

    /// [loop] Timers in ms of ``Support/Clock/monotonicMilliseconds``. One scheduled task of the event loop drives them
    /// all.
    let wheel: TimerWheel
    private var attached: Shard?
    var wakeUpTask: Scheduled<Void>?
    /// [loop] The loop is late, and reads all pending input before it fires timers.
    var isCatchingUp = false
    /// [loop] nil: a late loop fires its timers at once.
    var inputFence: InputFence?

    /// [loop] Outputs that have bytes to write at the end of the tick.
    var dirty: ContiguousArray<ConnectionOutput> = []
    var isTickEndScheduled = false
    /// The loop is handling the bytes of one connection now; ``read(from:_:)`` decides at its end when to write.
    var isReading = false
    var flushHeuristic = FlushHeuristic()
    let pool = BufferPool()
    /// Writes to many connections with one system call. nil: each connection has a call of its own.
    var sendRing: SendRing?
    package let receiveBuffers = ReceiveBuffers()
    /// [loop] How many bytes each connection reads at a time.
    var readShares = ReadShares()

    /// [loop] The sessions of each endpoint, in the order of ``ServerContext/endpoints``.
    var tables: [SessionTable] = []
    /// [loop] The open connections. A stopping server ends them.
    var connections: [ObjectIdentifier: any LoopConnection] = [:]
    /// [loop] The server's options that may change. ``prepare(for:)`` and ``Server/adopt(_:)`` replace it.
    var settings = ServerSettings(TransportOptions())
    var counters = LoopCounters()
    var lag = LoopLag()
    /// [loop] Counts all bytes that the loop holds for its clients. ``prepare(for:)`` replaces it.
    var account = MemoryAccount()
    /// [loop] ``account`` has exceeded its budget: the end of the tick closes unauthenticated clients.
    var needsMemory = false
    /// [loop] The budget was also exceeded at the previous run of the housekeeping.
    var wasExceeded = false
    /// [loop] Runs of the housekeeping since the loop started; about ten per second.
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

    /// [loop] The timers of this loop.
    public var timers: TimerWheel {
        eventLoop.assertInEventLoop()
        return wheel
    }

    /// Runs `job` on the loop. Jobs of one thread run in the order in which it enqueues them. Any thread.
    public func execute(_ job: @escaping @Sendable (Shard) -> Void) {
        enqueue { [self] in job(shard) }
    }

    /// Runs `job` immediately if the caller is on the loop's thread; otherwise enqueues it.
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

    /// [loop] The loop's counters, including those of its session tables.
    var countersWithSessions: LoopCounters {
        var counters = counters
        for table in tables { counters.add(table) }
        counters.heldBytes = UInt64(max(0, account.held))
        return counters
    }

    /// [loop] The serial number of a new connection; see ``LoopConnection/serial``.
    func nextSerial() -> UInt64 {
        lastSerial += 1
        return lastSerial
    }

    package func attach(_ shard: Shard) {
        attached = shard
    }
}

extension Loop {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "no thread-specific key for the current loop: error \(code)")
        return key
    }()

    /// The loop that runs on the calling thread; nil on every other thread. A few ns.
    public static var current: Loop? {
        guard let pointer = pthread_getspecific(key) else { return nil }
        return Unmanaged<Loop>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Makes ``current`` return this loop on the calling thread. Not retained: ``Loops`` outlives the threads of its
    /// loops.
    package func becomeCurrent() {
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    }
}

extension Loop {
    /// [loop] Creates the memory account and the session tables of `server` on this loop.
    func prepare(for server: ServerContext) {
        settings = ServerSettings(server.options, logsRequests: server.logger.logLevel <= .debug)
        account = MemoryAccount(of: server.limits.budget)
        account.onExceeded = { [unowned self] in
            needsMemory = true
            scheduleTickEnd()
        }
        tables = server.endpoints.map { endpoint in
            let table = SessionTable(options: endpoint.options, timers: wheel, loop: index, account: account)
            table.onDirty = { [unowned self] in scheduleTickEnd() }
            table.onRemoved = { [limits = server.limits] handshakeRequest in
                limits.sessionEnded(from: handshakeRequest.remoteAddress)
            }
            return table
        }
    }
}

extension Loop {
    /// Wake-ups are multiples of this, so that the timers of 10,000 sessions cost a handful of wake-ups; ms. A timer
    /// fires at most this much later.
    private static let wakeUpGranularity: Int64 = 4

    /// A loop whose wake-up is later than this was busy or suspended, and has input to read that came meanwhile; ms.
    static let lateness: Int64 = 100

    /// [loop] Advances the timer wheel to the present time and fires due timers. Called before any input is handled, so
    /// that an expired session is closed before its next request is handled.
    ///
    /// A late loop fires nothing here: it first reads pending input, so that no client times out whose bytes have
    /// already come.
    @inline(__always)
    func refreshClock() {
        let now = Clock.monotonicMilliseconds
        guard now - wheel.wakeUp < Self.lateness else { return catchUp(at: now) }
        wheel.advance(to: now)
    }

    /// [loop] Schedules a wake-up of the loop at `moment`, unless an earlier one is scheduled.
    func arm(at moment: Int64) {
        let wakeUp = (moment + Self.wakeUpGranularity - 1) / Self.wakeUpGranularity * Self.wakeUpGranularity
        guard wakeUp < wheel.wakeUp else { return }
        wakeUpTask?.cancel()
        wheel.wakeUp = wakeUp
        wakeUpTask = eventLoop.assumeIsolated().scheduleTask(
            deadline: .uptimeNanoseconds(UInt64(max(wakeUp, 0)) * 1_000_000)
        ) { [unowned self] in
            let now = Clock.monotonicMilliseconds
            if now - wheel.wakeUp < Self.lateness { fireTimers(at: now) } else { catchUp(at: now) }
        }
    }

    private func fireTimers(at now: Int64) {
        wheel.wakeUp = .max
        wakeUpTask = nil
        wheel.advance(to: now)
        if let next = wheel.nextDeadline { arm(at: next) }
    }

    // MARK: - Catching up

    /// [loop] Advances the clock of a late loop, and fires its timers after all pending input has been read.
    /// ``TimerWheel/wakeUp`` stays in the past meanwhile, so that ``refreshClock()`` also comes here and fires nothing.
    private func catchUp(at now: Int64) {
        wheel.moveClock(to: now)
        guard !isCatchingUp else { return }
        isCatchingUp = true
        guard let inputFence else { return caughtUp() }
        // Two passes: connections accepted in the first pass, or with more input than one read takes, are read in the
        // second.
        inputFence.enqueue { [unowned self] in
            inputFence.enqueue { [unowned self] in caughtUp() }
        }
    }

    private func caughtUp() {
        isCatchingUp = false
        wakeUpTask?.cancel()
        fireTimers(at: Clock.monotonicMilliseconds)
    }
}

/// What the loop does when clients hold more than ``TransportOptions/memory``.
extension Loop {
    /// Connections that hold less are not closed: closing them would free almost nothing; bytes.
    private static let worthwhile = 1_024
    /// ``closeSlowReaders()`` closes only connections and sessions with at least this much unsent output; bytes.
    private static let slowReader = 65_536

    /// [loop] Closes unauthenticated clients, the youngest first, until an eighth of the budget is free: then the next
    /// bytes do not exceed it again at once. Never closes an authenticated client.
    func closeUnauthenticated() {
        needsMemory = false
        let budget = account.budget
        guard budget.isExceeded else { return }
        let goal = budget.limit / 8 * 7
        let unauthenticated = connections.values.filter { $0.isUnauthenticated && $0.heldBytes >= Self.worthwhile }
            .sorted { $0.serial > $1.serial }
        for connection in unauthenticated where budget.used > goal {
            counters.closedUnauthenticated += 1
            connection.abort()
            account.publish()
        }
        for table in tables {
            while budget.used > goal, table.displaceNewest() != nil { account.publish() }
        }
    }

    /// [loop] Closes the clients with the most unsent output, while the budget is exceeded. Called when closing the
    /// unauthenticated clients of all loops was not enough. The closed clients can reconnect.
    func closeSlowReaders() {
        let budget = account.budget
        guard budget.isExceeded else { return }
        for reader in connections.values.filter({ $0.waitingBytes >= Self.slowReader }).sorted(by: {
            $0.waitingBytes > $1.waitingBytes
        })
        where budget.isExceeded {
            counters.closedSlowReaders += 1
            reader.abort()
            account.publish()
        }
        for table in tables where budget.isExceeded {
            for session in table.all.filter({ $0.waitingBytes >= Self.slowReader }).sorted(by: {
                $0.waitingBytes > $1.waitingBytes
            }) where budget.isExceeded {
                counters.closedSlowReaders += 1
                session.abort(.transportError)
                account.publish()
            }
        }
    }
}

/// A connection, as seen by the code that stops the server or frees memory. [loop]
protocol LoopConnection: AnyObject {
    /// Ends the connection after the current request is answered and written. No further request is read.
    func drain()
    /// Closes the connection at once.
    func abort()
    /// Increases with every connection of the loop: the highest is the youngest.
    var serial: UInt64 { get }
    /// The client has presented no valid token and has joined no namespace.
    var isUnauthenticated: Bool { get }
    /// Incomplete input and unsent output; bytes.
    var heldBytes: Int { get }
    /// Unsent output; bytes.
    var waitingBytes: Int { get }
}
