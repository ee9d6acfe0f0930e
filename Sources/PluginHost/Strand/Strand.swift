import Glibc
import Synchronization

/// Runs the callbacks of one plugin, one at a time and in order, on a thread of its own.
///
/// A thread for each strand rather than a shared pool: a plugin that sleeps in a callback costs nobody else anything, whatever the others do, and
/// the operator finds its name in `top -H`. What comes is copied behind what waits, under one short lock; the thread takes everything that
/// waits at once, so a busy strand is neither woken nor locked for each callback.
///
/// `@unchecked Sendable`: `incoming`, `isIdle` and `isClosed` are touched under `monitor` only. `working` is the thread's, but for the records that
/// ``close()`` has claimed through `position`; a thread that finds its batch claimed does not touch it again.
final class Strand: @unchecked Sendable {
    enum RecordKind: UInt8, BitwiseCopyable {
        case event
        case task
    }

    let name: String
    let budget: QueueBudget
    /// Calls the handler of one event; nil on a strand that runs tasks only.
    private let callEvent: (@Sendable (UnsafePointer<EventRecord>, ThreadState) -> Void)?
    /// Answers an event that will not be handled any more.
    private let dropEvent: (@Sendable (UnsafePointer<EventRecord>) -> Void)?

    private let monitor = Monitor()
    private var incoming = RecordBuffer()
    private var isIdle = false
    private var isClosed = false
    private var working = RecordBuffer()

    private let handledCount = Atomic<UInt64>(0)
    private let busyTime = Atomic<Int64>(0)
    private let busySince = Atomic<Int64>(0)
    private let depth = Atomic<Int>(0)
    /// Offset of the next record of `working` that nobody has claimed; ``noBatch`` when there is none.
    private let position = Atomic<Int>(Strand.noBatch)
    private static let noBatch = Int.max

    init(
        name: String, budget: QueueBudget, callEvent: (@Sendable (UnsafePointer<EventRecord>, ThreadState) -> Void)? = nil,
        dropEvent: (@Sendable (UnsafePointer<EventRecord>) -> Void)? = nil
    ) {
        self.name = name
        self.budget = budget
        self.callEvent = callEvent
        self.dropEvent = dropEvent
        Threads.start(name: name) { self.run() }
    }

    deinit {
        incoming.release()
        working.release()
    }

    /// Callbacks done, ever.
    var handled: UInt64 { handledCount.load(ordering: .relaxed) }
    /// Nanoseconds spent in callbacks, the batch under way included.
    var nanoseconds: Int64 {
        let since = busySince.load(ordering: .relaxed)
        return busyTime.load(ordering: .relaxed) + (since == 0 ? 0 : max(0, Clock.monotonicNanoseconds - since))
    }
    /// Callbacks on this strand that are not done; to choose the least loaded of several.
    var load: Int { depth.load(ordering: .relaxed) }

    // MARK: Handing work over [any-thread]

    /// Appends one record that `write` fills, its length already in it.
    ///
    /// - Returns: whether the thread sleeps and has to be told (``wake()``); `nil` if the strand is closed and nothing was taken.
    @inline(__always)
    func append(size: Int, _ write: (UnsafeMutableRawPointer) -> Void) -> Bool? {
        monitor.lock()
        guard !isClosed else {
            monitor.unlock()
            return nil
        }
        write(incoming.append(size: size))
        let mustWake = isIdle
        // Told once is enough: the thread takes everything that waits.
        isIdle = false
        monitor.unlock()
        depth.wrappingAdd(1, ordering: .relaxed)
        return mustWake
    }

    @inline(__always)
    func wake() { monitor.signal() }

    /// Queues a task.
    ///
    /// - Parameters:
    ///   - bytes: what it holds in memory, for the budget.
    ///   - promised: whether it must be taken even if the queue is full.
    /// - Returns: `false` if there is no room or the strand is closed; then neither of the task's closures is called.
    func enqueue(_ task: StrandTask, bytes: Int = 0, promised: Bool = false) -> Bool {
        if promised {
            budget.takeAnyway(bytes)
        } else if !budget.take(bytes) {
            return false
        }
        let reference = Unmanaged.passRetained(task)
        let mustWake = append(size: MemoryLayout<TaskRecord>.size) { record in
            let head = TaskRecord(size: record.load(as: UInt32.self), kind: .task, bytes: UInt64(bytes), task: UnsafeRawPointer(reference.toOpaque()))
            record.storeBytes(of: head, as: TaskRecord.self)
        }
        guard let mustWake else {
            reference.release()
            budget.give(1, bytes)
            return false
        }
        if mustWake { wake() }
        return true
    }

    /// Runs `body` on the strand and waits for it, at most until `deadline` (``Clock/monotonicNanoseconds``).
    ///
    /// - Returns: what it returned; `nil` if it has not returned by then, or the strand is closed. It may still run later.
    func run<Result: Sendable>(until deadline: Int64, _ body: @escaping @Sendable () -> Result) -> Result? {
        let outcome = Outcome<Result>()
        guard enqueue(StrandTask(run: { outcome.fulfil(body()) }, drop: { outcome.giveUp() }), promised: true) else { return nil }
        return outcome.wait(until: deadline)
    }

    /// From now on nothing is taken, and what waits is dropped rather than run, here and now: even if the thread never comes back from the callback
    /// under way. It ends when it does.
    func close() {
        var rest = RecordBuffer()
        monitor.withLock {
            isClosed = true
            isIdle = false
            swap(&rest, &incoming)
            monitor.broadcast()
        }
        let claimed = position.exchange(Self.noBatch, ordering: .acquiringAndReleasing)
        if claimed != Self.noBatch { drop(working, from: claimed) }
        drop(rest, from: 0)
        rest.release()
    }

    // MARK: The thread

    private func run() {
        let state = ThreadState.install(loop: nil)
        while takeBatch() {
            let start = Clock.monotonicNanoseconds
            busySince.store(start, ordering: .relaxed)
            let (count, isComplete) = runBatch(state)
            busyTime.store(busyTime.load(ordering: .relaxed) + Clock.monotonicNanoseconds - start, ordering: .relaxed)
            busySince.store(0, ordering: .relaxed)
            handledCount.store(handledCount.load(ordering: .relaxed) &+ UInt64(count), ordering: .relaxed)
            guard isComplete else { break }
            working.removeAll()
        }
        ThreadState.uninstall()
    }

    /// Waits for work and takes all of it; `false` when the strand is closed and empty.
    private func takeBatch() -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        while incoming.isEmpty {
            if isClosed { return false }
            isIdle = true
            monitor.wait()
        }
        isIdle = false
        swap(&incoming, &working)
        // Under the lock, so that whoever closes sees either this batch or what is incoming.
        position.store(0, ordering: .releasing)
        return true
    }

    /// Runs the records of `working`.
    ///
    /// - Returns: how many, and whether all: `false` when the strand was closed meanwhile and the rest is somebody else's.
    private func runBatch(_ state: ThreadState) -> (count: Int, isComplete: Bool) {
        let end = working.count
        var offset = 0
        var count = 0
        while offset < end, let base = working.base {
            let record = base + offset
            let next = offset &+ RecordBuffer.size(of: record)
            guard claim(offset, next) else { return (count, false) }
            // What begins to run no longer waits.
            switch record.load(fromByteOffset: 4, as: RecordKind.self) {
            case .event:
                budget.give(1, next &- offset)
                callEvent?(UnsafePointer(record.assumingMemoryBound(to: EventRecord.self)), state)
            case .task:
                takeTask(record).run()
            }
            depth.wrappingSubtract(1, ordering: .relaxed)
            offset = next
            count &+= 1
        }
        return (count, claim(end, Self.noBatch))
    }

    /// Moves `position` on, unless ``close()`` has.
    @inline(__always)
    private func claim(_ offset: Int, _ next: Int) -> Bool {
        position.compareExchange(expected: offset, desired: next, ordering: .acquiringAndReleasing).exchanged
    }

    private func drop(_ records: RecordBuffer, from start: Int) {
        var offset = start
        while offset < records.count, let base = records.base {
            let record = base + offset
            let size = RecordBuffer.size(of: record)
            switch record.load(fromByteOffset: 4, as: RecordKind.self) {
            case .event:
                budget.give(1, size)
                dropEvent?(UnsafePointer(record.assumingMemoryBound(to: EventRecord.self)))
            case .task:
                takeTask(record).drop()
            }
            depth.wrappingSubtract(1, ordering: .relaxed)
            offset &+= size
        }
    }

    /// The task of a record, out of the queue.
    private func takeTask(_ record: UnsafeRawPointer) -> StrandTask {
        let head = record.load(as: TaskRecord.self)
        budget.give(1, Int(head.bytes))
        return Unmanaged<StrandTask>.fromOpaque(head.task).takeRetainedValue()
    }
}
