import EngineIO
import Glibc
import NIOCore
import SocketIO
import Support
import Synchronization

/// One event loop with everything that lives on it: its shard of sockets, its timers, its connections' output.
///
/// A connection lives and dies on one loop, so nothing here takes a lock. What is marked [loop] may be touched on the
/// loop's thread only, which debug builds check.
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

extension Loop {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "no thread-specific key for the current loop: error \(code)")
        return key
    }()

    /// The loop whose thread this is; nil on every other thread. A few ns.
    public static var current: Loop? {
        guard let pointer = pthread_getspecific(key) else { return nil }
        return Unmanaged<Loop>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Makes this thread the loop's. ``Loops`` holds the loop longer than its thread lives.
    package func becomeCurrent() {
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    }
}

extension Loop {
    /// [loop] Makes what `server` has here: the account of what is held for its clients, and the
    /// tables of its endpoints.
    func prepare(for server: ServerContext) {
        account = MemoryAccount(of: server.limits.budget)
        account.onExceeded = { [unowned self] in
            needsRelief = true
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
    /// Wake-ups are at least this far apart, so that ten thousand sessions' timers cost a handful of wake-ups; ms.
    /// No timer is later by more.
    private static let grain: Int64 = 4

    /// A loop that is later than this with its timers was stopped or busy, and what came
    /// meanwhile has not been read; ms.
    static let lateness: Int64 = 100

    /// [loop] Moves the wheel to the present, and fires what is due. Called before anything that comes from outside is
    /// handled, so that a session whose time is up is over before its next request is looked at.
    ///
    /// On a loop that is late nothing fires yet: what has come is read before anybody is given up.
    @inline(__always)
    func refreshClock() {
        let now = Clock.monotonicMilliseconds
        guard now - wheel.wakeUp < Self.lateness else { return catchUp(at: now) }
        wheel.advance(to: now)
    }

    /// [loop] Makes sure that the wheel is looked at by `moment`.
    func arm(at moment: Int64) {
        let wakeUp = (moment + Self.grain - 1) / Self.grain * Self.grain
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

    /// [loop] The loop is late: time moves on, and timers wait until everything that had come has been read.
    /// ``TimerWheel/wakeUp`` stays in the past meanwhile, so that every look at the clock ends up here.
    private func catchUp(at now: Int64) {
        wheel.moveClock(to: now)
        guard !isCatchingUp else { return }
        isCatchingUp = true
        guard let inputFence else { return caughtUp() }
        // The second time for connections that were accepted, or that had more to say than one
        // read takes, in the first.
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

/// What happens when clients hold more than ``TransportOptions/memory``.
extension Loop {
    /// Who holds less than this is not closed for it: it would free next to nothing; bytes.
    private static let worthwhile = 1_024
    /// Readers that nobody is slower than are closed only if so much waits for them; bytes.
    private static let slowReader = 65_536

    /// [loop] Closes unauthenticated clients, the youngest first, until an eighth of the budget is free, so that it is
    /// not done again for each of the next bytes. Whoever was let in stays.
    func closeUnauthenticated() {
        needsRelief = false
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

    /// [loop] The unauthenticated clients are closed, those of the other loops too, and it was not enough: whoever is
    /// slowest to read what waits for him goes, and comes back.
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

/// A connection as its loop sees it when the server stops, and when memory runs short. [loop]
protocol LoopConnection: AnyObject {
    /// Ends what it is doing once its output is written, and takes no new request.
    func drain()
    /// Ends at once.
    func abort()
    /// Counted up: the higher, the younger.
    var serial: UInt64 { get }
    /// Nobody has let its client in: it showed no token, and is in no namespace.
    var isUnauthenticated: Bool { get }
    /// Input that is not complete, and output that waits; bytes.
    var heldBytes: Int { get }
    /// Output that waits; bytes.
    var waitingBytes: Int { get }
}
