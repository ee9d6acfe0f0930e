import Glibc
import Synchronization

/// Runs the callbacks of one plugin, one at a time and in order, on a thread of its own.
///
/// A thread for each strand rather than a shared pool: a plugin that sleeps in a callback costs nobody else anything, whatever the others do, and
/// the operator finds its name in `top -H`. What comes is copied behind what waits, under one short lock; the thread takes everything that
/// waits at once, so a busy strand is neither woken nor locked for each callback.
///
/// `@unchecked Sendable`: `incoming`, `isIdle` and `isClosed` are touched under `monitor` only, `working` and `scratch` by the thread only.
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
    private let isGone = Atomic<Bool>(false)

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

    /// From now on nothing is taken, and what waits is dropped, here, rather than run. The thread ends when it is through with what it has.
    func close() {
        isGone.store(true, ordering: .relaxed)
        var rest = RecordBuffer()
        monitor.withLock {
            isClosed = true
            isIdle = false
            swap(&rest, &incoming)
            monitor.broadcast()
        }
        _ = walk(rest, nil)
        rest.release()
    }

    // MARK: The thread

    private func run() {
        let state = ThreadState.install(loop: nil)
        while takeBatch() {
            let start = Clock.monotonicNanoseconds
            busySince.store(start, ordering: .relaxed)
            let count = walk(working, state)
            busyTime.store(busyTime.load(ordering: .relaxed) + Clock.monotonicNanoseconds - start, ordering: .relaxed)
            busySince.store(0, ordering: .relaxed)
            handledCount.store(handledCount.load(ordering: .relaxed) &+ UInt64(count), ordering: .relaxed)
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
        return true
    }

    /// Runs every record with `state`, or drops them without it, and those that are left when the strand is closed meanwhile.
    private func walk(_ records: RecordBuffer, _ state: ThreadState?) -> Int {
        guard let base = records.base else { return 0 }
        var offset = 0
        var count = 0
        while offset < records.count {
            let record = base + offset
            let size = RecordBuffer.size(of: record)
            offset &+= size
            let state = isGone.load(ordering: .relaxed) ? nil : state
            // What begins to run no longer waits.
            switch record.load(fromByteOffset: 4, as: RecordKind.self) {
            case .event:
                budget.give(1, size)
                let event = UnsafePointer(record.assumingMemoryBound(to: EventRecord.self))
                if let state { callEvent?(event, state) } else { dropEvent?(event) }
            case .task:
                let head = record.load(as: TaskRecord.self)
                budget.give(1, Int(head.bytes))
                let task = Unmanaged<StrandTask>.fromOpaque(head.task).takeRetainedValue()
                if state != nil { task.run() } else { task.drop() }
            }
            depth.wrappingSubtract(1, ordering: .relaxed)
            count &+= 1
        }
        return count
    }
}
