import CCrashReport
import Glibc
import Support
import Synchronization

/// Work for a strand beside its queue.
protocol StrandSource: Sendable {
    /// Whether the strand waits here. Changes once, on the strand.
    var isActive: Bool { get }
    /// Waits for work and runs it, or returns after ``interrupt()``. On the strand.
    func runNext()
    /// Makes the strand look at its queue. [any-thread]
    func interrupt()
}

/// Runs the callbacks of one plugin, one at a time and in order, on its own thread.
///
/// Each strand has a thread, rather than a place in a shared pool: a plugin that sleeps in a callback delays no other
/// plugin, and `top -H` shows its name. New records are appended to a buffer under one short lock; the thread swaps the
/// buffer out as one batch, so a busy strand is neither woken nor locked for each callback.
///
/// If a batch takes longer than ``batchTime``, callbacks arrive faster than the plugin runs them. The strand is then
/// crowded: until nothing waits, waiting records are kept in a ``FairQueue`` and dequeued one at a time. A client that
/// floods the plugin then delays itself and not others.
///
/// `@unchecked Sendable`: `incoming`, `crowd`, `isIdle`, `isFinishing` and `isClosed` are used under `monitor` only.
/// `working` is used by the strand's thread, except for the records that ``close()`` has claimed through `position`; a
/// thread whose batch was claimed does not use it again.
final class Strand: @unchecked Sendable {
    enum RecordKind: UInt8, BitwiseCopyable {
        case event
        case task
    }

    let name: String
    /// 0: the strand of a plugin, or a thread of the host. Otherwise the number of a lane, from 1.
    let lane: Int
    let budget: QueueBudget
    /// In a worker: the channel to the daemon, whose messages the strand reads while no record waits.
    private let source: (any StrandSource)?
    /// The plugin whose callbacks it runs; `nil` for a thread of the host.
    let identity: PluginIdentity?
    /// Calls the handler of one event; `nil` on a strand that runs tasks only.
    private let callEvent: (@Sendable (UnsafePointer<EventRecord>, ThreadState) -> Void)?
    /// Answers an event whose handler will not be called any more.
    private let dropEvent: (@Sendable (UnsafePointer<EventRecord>) -> Void)?
    /// Called on the strand for a callback that took longer than ``slowTime``, with the time in nanoseconds.
    private let onSlow: (@Sendable (Callback, Int64) -> Void)?
    /// Nanoseconds.
    private let slowTime: Atomic<Int64>

    private let monitor = Monitor()
    private var incoming = RecordBuffer()
    private var isIdle = false
    /// See ``borrow()``. Under `monitor`.
    private var isBorrowed = false
    /// Whether the last record has been appended: no more are accepted, and the thread ends after running it.
    private var isFinishing = false
    private var isClosed = false
    private var working = RecordBuffer()
    /// The records that wait while the strand is crowded; they are older than ``incoming``.
    private let crowd = FairQueue()
    /// When the first record of ``incoming`` was appended; 0 if the thread slept then, and so dequeues it at once.
    private var incomingSince: Int64 = 0
    /// The same for ``working``, and where its records end. Under `monitor`, unlike ``working`` itself.
    private var workingSince: Int64 = 0
    private var workingCount = 0

    private let handledCount = Atomic<UInt64>(0)
    private let busyTime = Atomic<Int64>(0)
    private let busySince = Atomic<Int64>(0)
    private let depth = Atomic<Int>(0)
    /// Offset of the next unclaimed record of `working`; ``noBatch`` if there is none.
    private let position = Atomic<Int>(Strand.noBatch)
    private static let noBatch = Int.max
    /// Nanoseconds after which the rest of a batch is moved to ``crowd``.
    private static let batchTime: Int64 = 5_000_000
    /// Nanoseconds. While callbacks take longer, each is timed alone.
    private static let timedAlone: Int64 = 20_000
    /// The ``Callback/mark`` of the callback that is running, as an address; 0: none. The thread has registered it for
    /// the report of a crash.
    private let current: UnsafeMutablePointer<Atomic<UInt>>
    /// Callbacks begun, ever.
    private let begun = Atomic<UInt64>(0)
    /// How long its callbacks took. The clock is not read for each: the time of up to 16 quick ones is divided by their
    /// number.
    let times = CallbackTimes()
    /// The callback that ``CallbackWatchdog`` has seen running last.
    private let seen = Mutex<(callback: Callback, number: UInt64)?>(nil)
    /// When the callbacks began whose time is not recorded yet, and how many they are. On the strand's thread.
    private var spanStart: Int64 = 0
    private var spanCount = 0

    init(
        name: String, lane: Int = 0, budget: QueueBudget, source: (any StrandSource)? = nil,
        identity: PluginIdentity? = nil,
        callEvent: (@Sendable (UnsafePointer<EventRecord>, ThreadState) -> Void)? = nil,
        dropEvent: (@Sendable (UnsafePointer<EventRecord>) -> Void)? = nil,
        slowTime: Int64 = .max, onSlow: (@Sendable (Callback, Int64) -> Void)? = nil
    ) {
        self.name = name
        self.lane = lane
        self.source = source
        self.budget = budget
        self.identity = identity
        current = .allocate(capacity: 1)
        current.initialize(to: Atomic(0))
        self.callEvent = callEvent
        self.dropEvent = dropEvent
        self.slowTime = Atomic(slowTime)
        self.onSlow = onSlow
        Threads.start(name: name) { self.run() }
    }

    deinit {
        incoming.release()
        working.release()
        // Its thread has ended: it keeps the strand alive.
        current.deallocate()
    }

    /// The address of the word that names the running callback.
    var runningWord: UnsafeRawPointer { UnsafeRawPointer(current) }

    /// Callbacks that have run, ever.
    var handled: UInt64 { handledCount.load(ordering: .relaxed) }
    /// Nanoseconds spent in callbacks, including the current batch.
    var nanoseconds: Int64 {
        let since = busySince.load(ordering: .relaxed)
        return busyTime.load(ordering: .relaxed) + (since == 0 ? 0 : max(0, Clock.monotonicNanoseconds - since))
    }
    /// Unfinished callbacks of this strand; used to choose the least loaded lane.
    var load: Int { depth.load(ordering: .relaxed) }

    /// The running callback, and its number among this strand's callbacks, from 1. [any-thread]
    var running: (callback: Callback, number: UInt64)? {
        guard let mark = UnsafePointer<jf_crash_callback>(bitPattern: current.pointee.load(ordering: .acquiring)),
            let address = mark.pointee.object
        else { return nil }
        // Callbacks are never freed.
        return (Unmanaged<Callback>.fromOpaque(address).takeUnretainedValue(), begun.load(ordering: .relaxed))
    }

    /// Sets the time above which a callback is slow, in nanoseconds. [any-thread]
    func adopt(slowTime time: Int64) { slowTime.store(time, ordering: .relaxed) }

    /// Notes the callback that is running, for the name of a slow one. [any-thread]
    func noteRunning() -> (callback: Callback, number: UInt64)? {
        let running = running
        if let running { seen.withLock { $0 = running } }
        return running
    }

    /// How long the record that has waited longest has waited, in nanoseconds; 0 if none waits. Records that arrived in
    /// one batch count as old as its first one. [any-thread]
    func oldestWait(at now: Int64) -> Int64 {
        monitor.withLock {
            var since = crowd.oldest ?? now
            if position.load(ordering: .relaxed) < workingCount { since = min(since, workingSince) }
            if !incoming.isEmpty, incomingSince != 0 { since = min(since, incomingSince) }
            return max(0, now - since)
        }
    }

    // MARK: Enqueuing [any-thread]

    /// Appends one record. `write` fills it; its length is already written.
    ///
    /// - Parameter isLast: whether no record is accepted after it.
    /// - Returns: whether the thread sleeps, and the caller must call ``wake()``; `nil` if the strand has ended and did
    ///   not accept the record.
    @inline(__always)
    func append(size: Int, isLast: Bool = false, _ write: (UnsafeMutableRawPointer) -> Void) -> Bool? {
        monitor.lock()
        guard !isClosed, !isFinishing else {
            monitor.unlock()
            return nil
        }
        isFinishing = isLast
        if !isIdle, incoming.isEmpty { incomingSince = Clock.coarseNanoseconds }
        write(incoming.append(size: size))
        let mustWake = isIdle
        // One wake-up is enough: the thread dequeues everything that waits.
        isIdle = false
        monitor.unlock()
        depth.wrappingAdd(1, ordering: .relaxed)
        return mustWake
    }

    /// Lets the calling thread do the next callback's work in place of the strand's thread, if that sleeps and nothing
    /// waits. Records that are appended meanwhile wait. The caller must call ``giveBack(handled:)`` soon.
    ///
    /// - Returns: whether it was borrowed.
    func borrow() -> Bool {
        monitor.withLock {
            guard isIdle, incoming.isEmpty, !isBorrowed, !isClosed, !isFinishing else { return false }
            isIdle = false
            isBorrowed = true
            return true
        }
    }

    /// - Parameter handled: whether the caller has done the work of a callback.
    func giveBack(handled: Bool) {
        let mustWake = monitor.withLock {
            isBorrowed = false
            isIdle = incoming.isEmpty
            // Only the thread that has the strand writes it.
            if handled { handledCount.store(handledCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
            return !isIdle
        }
        if mustWake { wake() }
    }

    @inline(__always)
    func wake() {
        if let source, source.isActive { source.interrupt() } else { monitor.signal() }
    }

    /// Queues a task of the plugin itself.
    ///
    /// - Parameters:
    ///   - bytes: the memory it holds, for the budget.
    ///   - promised: whether it is accepted even if the queue is full.
    /// - Returns: `false` if the queue is full or the strand has ended; then neither of the task's closures is called.
    func enqueue(_ task: StrandTask, bytes: Int = 0, promised: Bool = false) -> Bool {
        if promised {
            budget.reserveUnconditionally(bytes)
        } else if !budget.reserve(bytes) {
            return false
        }
        return append(task, bytes, order: .own)
    }

    /// Queues a task that a client causes; it keeps its order among the events of the sender's socket.
    ///
    /// - Parameter promised: whether it is accepted even if the queue is full or the sender's share is used up.
    /// - Returns: why it was refused; `nil` if it was accepted, or if the strand has ended: then the task is dropped.
    func enqueue(_ task: StrandTask, of sender: Sender, bytes: Int, promised: Bool = false) -> QueueBudget.Refusal? {
        var isCharged = false
        if promised {
            budget.reserveUnconditionally(bytes)
        } else {
            switch budget.reserve(bytes, for: sender) {
            case .reserved: break
            case .charged: isCharged = true
            case .refused(let refusal): return refusal
            }
        }
        if !append(task, bytes, order: .sender, of: sender, isCharged: isCharged) { task.drop() }
        return nil
    }

    private func append(
        _ task: StrandTask, _ bytes: Int, order: TaskRecord.Order, of sender: Sender? = nil, isCharged: Bool = false,
        isLast: Bool = false
    ) -> Bool {
        let reference = Unmanaged.passRetained(task)
        let mustWake = append(size: MemoryLayout<TaskRecord>.size, isLast: isLast) { record in
            let head = TaskRecord(
                size: record.load(as: UInt32.self), kind: .task, order: order, isCharged: isCharged,
                bytes: UInt64(bytes),
                task: UnsafeRawPointer(reference.toOpaque()), user: sender?.user ?? 0, socket: sender?.socket ?? 0)
            record.storeBytes(of: head, as: TaskRecord.self)
        }
        guard let mustWake else {
            reference.release()
            if isCharged, let sender { budget.release(bytes, of: sender) } else { budget.release(1, bytes) }
            return false
        }
        if mustWake { wake() }
        return true
    }

    /// Runs `body` on the strand, after everything that waits, and waits for its result until `deadline`
    /// (``Clock/monotonicNanoseconds``).
    ///
    /// - Parameter isLast: whether the strand ends with it. From this call on no record is accepted any more; those
    ///   that wait run before it.
    /// - Returns: the result of `body`; `nil` if it has not returned by then, or the strand has ended. It may still run
    ///   later.
    @discardableResult
    func run<Result: Sendable>(until deadline: Int64, isLast: Bool = false, _ body: @escaping @Sendable () -> Result)
        -> Result?
    {
        begin(isLast: isLast, body).wait(until: deadline)
    }

    /// Like ``run(until:isLast:_:)``, but does not wait.
    ///
    /// - Returns: the future result; it is cancelled if the strand has ended, or ends before.
    func begin<Result: Sendable>(
        _ callback: Callback = .other, isLast: Bool = false, _ body: @escaping @Sendable () -> Result
    ) -> BlockingFuture<Result> {
        let outcome = BlockingFuture<Result>()
        budget.reserveUnconditionally(0)
        let task = StrandTask(callback, run: { outcome.fulfil(body()) }, drop: { outcome.cancel() })
        if !append(task, 0, order: .barrier, isLast: isLast) { outcome.cancel() }
        return outcome
    }

    /// Ends the strand. No record is accepted any more, and waiting records are dropped on the calling thread, even if
    /// the running callback never returns. The strand's thread ends when that callback returns.
    func close() {
        var rest = RecordBuffer()
        var crowded: [UnsafeMutableRawPointer] = []
        monitor.withLock {
            isClosed = true
            isIdle = false
            swap(&rest, &incoming)
            while let record = crowd.popFirst() { crowded.append(record) }
            monitor.broadcast()
        }
        source?.interrupt()
        let claimed = position.exchange(Self.noBatch, ordering: .acquiringAndReleasing)
        if claimed != Self.noBatch { drop(working, from: claimed) }
        for record in crowded {
            drop(record)
            FairQueue.free(record)
        }
        drop(rest, from: 0)
        rest.release()
    }

    // MARK: The thread

    private func run() {
        let state = ThreadState.install(loop: nil, strand: self)
        while dequeueBatch() {
            let start = Clock.monotonicNanoseconds
            busySince.store(start, ordering: .relaxed)
            spanStart = start
            var end = runBatch(state, since: start)
            if end == .crowded { end = runCrowd(state) }
            let now = Clock.monotonicNanoseconds
            recordSpan(until: now)
            busyTime.store(busyTime.load(ordering: .relaxed) + now - start, ordering: .relaxed)
            busySince.store(0, ordering: .relaxed)
            current.pointee.store(0, ordering: .relaxed)
            guard end == .complete else { break }
            working.removeAll()
        }
        ThreadState.uninstall()
    }

    /// How the run of a batch ended.
    private enum BatchEnd {
        case complete
        /// It took too long, and the rest is in ``crowd``.
        case crowded
        /// ``close()`` was called meanwhile, and has dropped the rest.
        case closed
    }

    /// Waits for records and swaps them into `working`; `false` if the strand has ended and nothing waits.
    private func dequeueBatch() -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        while incoming.isEmpty || isBorrowed {
            if isClosed || isFinishing && incoming.isEmpty { return false }
            isIdle = true
            incomingSince = 0
            if let source, source.isActive {
                monitor.unlock()
                source.runNext()
                monitor.lock()
            } else {
                monitor.wait()
            }
        }
        isIdle = false
        swap(&incoming, &working)
        workingSince = incomingSince != 0 ? incomingSince : Clock.coarseNanoseconds
        incomingSince = 0
        workingCount = working.count
        // Under the lock, so that ``close()`` finds each record either in `working` or in `incoming`.
        position.store(0, ordering: .releasing)
        return true
    }

    /// Runs the records of `working`.
    private func runBatch(_ state: ThreadState, since start: Int64) -> BatchEnd {
        let end = working.count
        var offset = 0
        var count = 0
        // The clock is read after 1, 2, 4, 8 and 16 callbacks, then after every 16 more, and after each callback while
        // they are slow; never for a batch of one.
        var nextLook = 1
        defer { handledCount.store(handledCount.load(ordering: .relaxed) &+ UInt64(count), ordering: .relaxed) }
        while offset < end, let base = working.base {
            let record = base + offset
            let next = offset &+ RecordBuffer.size(of: record)
            guard claim(offset, next) else { return .closed }
            run(record, state)
            offset = next
            count &+= 1
            spanCount = spanCount &+ 1
            guard count == nextLook, offset < end else { continue }
            let now = Clock.monotonicNanoseconds
            nextLook = count &+ (recordSpan(until: now) > Self.timedAlone ? 1 : min(count, 16))
            guard now &- start > Self.batchTime else { continue }
            return moveToCrowd(from: offset) ? .crowded : .closed
        }
        return claim(end, Self.noBatch) ? .complete : .closed
    }

    /// Records the time of the callbacks since the last look at the clock.
    ///
    /// - Returns: the time of one of them, in nanoseconds.
    @discardableResult
    private func recordSpan(until now: Int64) -> Int64 {
        let (time, count) = (now &- spanStart, spanCount)
        spanStart = now
        spanCount = 0
        guard count > 0 else { return 0 }
        if time > slowTime.load(ordering: .relaxed) { reportSlow(time, among: count) }
        let each = count == 1 ? time : time / Int64(count)
        times.add(each, count: UInt64(count))
        return each
    }

    /// Reports the slow one of the last `count` callbacks. If they are several, it is the one that the watchdog has
    /// seen: the others took too little time to be seen.
    @inline(never)
    private func reportSlow(_ time: Int64, among count: Int) {
        let last = begun.load(ordering: .relaxed)
        let seen = count == 1 ? nil : seen.withLock { $0 }.flatMap { $0.number + UInt64(count) > last ? $0 : nil }
        guard let callback = seen?.callback ?? running?.callback else { return }
        onSlow?(callback, time)
    }

    /// Runs one record. Its share of the budget is released first, because it no longer waits.
    @inline(__always)
    private func run(_ record: UnsafeMutableRawPointer, _ state: ThreadState) {
        switch record.load(fromByteOffset: 4, as: RecordKind.self) {
        case .event:
            let event = UnsafePointer(record.assumingMemoryBound(to: EventRecord.self))
            releaseBudget(of: event)
            Unmanaged<EventRoute>.fromOpaque(event.pointee.route)._withUnsafeGuaranteedRef { setCurrent($0.mark) }
            callEvent?(event, state)
        case .task:
            let task = dequeueTask(record)
            setCurrent(task.callback.mark)
            task.run()
        }
        depth.wrappingSubtract(1, ordering: .relaxed)
    }

    @inline(__always)
    private func releaseBudget(of event: UnsafePointer<EventRecord>) {
        let size = Int(event.pointee.size)
        guard event.pointee.flags.contains(.isCharged) else { return budget.release(1, size) }
        budget.release(size, of: EventRecord.sender(of: event))
    }

    /// Publishes the callback that begins to run, for ``running``.
    @inline(__always)
    private func setCurrent(_ mark: UnsafeMutablePointer<jf_crash_callback>) {
        begun.store(begun.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        current.pointee.store(UInt(bitPattern: mark), ordering: .releasing)
    }

    /// Advances `position`; fails if ``close()`` has claimed the batch.
    @inline(__always)
    private func claim(_ offset: Int, _ next: Int) -> Bool {
        position.compareExchange(expected: offset, desired: next, ordering: .acquiringAndReleasing).exchanged
    }

    private func drop(_ records: RecordBuffer, from start: Int) {
        var offset = start
        while offset < records.count, let base = records.base {
            let record = base + offset
            offset &+= RecordBuffer.size(of: record)
            drop(record)
        }
    }

    private func drop(_ record: UnsafeMutableRawPointer) {
        switch record.load(fromByteOffset: 4, as: RecordKind.self) {
        case .event:
            let event = UnsafePointer(record.assumingMemoryBound(to: EventRecord.self))
            releaseBudget(of: event)
            dropEvent?(event)
        case .task:
            dequeueTask(record).drop()
        }
        depth.wrappingSubtract(1, ordering: .relaxed)
    }

    /// The task of a record; releases its share of the budget.
    private func dequeueTask(_ record: UnsafeRawPointer) -> StrandTask {
        let head = record.load(as: TaskRecord.self)
        if head.isCharged {
            budget.release(Int(head.bytes), of: head.sender)
        } else {
            budget.release(1, Int(head.bytes))
        }
        return Unmanaged<StrandTask>.fromOpaque(head.task).takeRetainedValue()
    }

    // MARK: A crowded strand

    /// Moves the rest of the batch to ``crowd``.
    ///
    /// - Returns: `false` if ``close()`` was called and has claimed the rest.
    private func moveToCrowd(from offset: Int) -> Bool {
        monitor.withLock {
            // ``close()`` has emptied the crowd by now, and claims the batch next.
            guard !isClosed, claim(offset, Self.noBatch) else { return false }
            let rest = enter(working, from: offset, since: workingSince)
            if rest < working.count {
                // Records after a barrier stay behind it.
                var later = RecordBuffer()
                later.append(working, from: rest)
                later.append(incoming, from: 0)
                swap(&later, &incoming)
                incomingSince = workingSince
                later.release()
            }
            return true
        }
    }

    /// Runs the waiting records, one at a time, until none waits.
    private func runCrowd(_ state: ThreadState) -> BatchEnd {
        while true {
            let (record, isOver) = monitor.withLock { () -> (UnsafeMutableRawPointer?, Bool) in
                guard !isClosed else { return (nil, true) }
                let rest = enter(incoming, from: 0, since: incomingSince)
                if rest == incoming.count {
                    incoming.removeAll()
                } else if rest > 0 {
                    var later = RecordBuffer()
                    later.append(incoming, from: rest)
                    swap(&later, &incoming)
                    later.release()
                }
                return (crowd.popFirst(), false)
            }
            guard let record else { return isOver ? .closed : .complete }
            run(record, state)
            FairQueue.free(record)
            spanCount = spanCount &+ 1
            recordSpan(until: Clock.monotonicNanoseconds)
            handledCount.store(handledCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
        }
    }

    /// Copies records to ``crowd``, up to the first barrier. Under the lock.
    ///
    /// - Parameter since: when the first of them was appended; 0: just now.
    /// - Returns: the offset of the first record that was not copied.
    private func enter(_ records: RecordBuffer, from start: Int, since: Int64) -> Int {
        let since = since != 0 ? since : Clock.coarseNanoseconds
        var offset = start
        while offset < records.count, let base = records.base {
            let record = base + offset
            let size = RecordBuffer.size(of: record)
            switch record.load(fromByteOffset: 4, as: RecordKind.self) {
            case .event:
                crowd.append(
                    record, size: size,
                    of: EventRecord.sender(of: UnsafePointer(record.assumingMemoryBound(to: EventRecord.self))),
                    since: since)
            case .task:
                let head = record.load(as: TaskRecord.self)
                if head.order == .barrier { return offset }
                crowd.append(record, size: size, of: head.order == .sender ? head.sender : nil, since: since)
            }
            offset &+= size
        }
        return offset
    }
}
