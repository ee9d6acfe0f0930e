import Support

/// The timers of all plugins: a heap of deadlines, on a thread of its own. A timer never fires early; it fires late by
/// the delay of the machine's scheduler.
///
/// Plugins have few timers and their callbacks run on strands, so they stay off the event loops' timer wheels.
///
/// `@unchecked Sendable`: all state is touched under `monitor` only.
final class TimerService: @unchecked Sendable {
    private struct Entry {
        let deadline: Int64
        let sequence: UInt64
        let isWanted: @Sendable () -> Bool
        let fire: @Sendable () -> Void
    }

    private let monitor = Monitor()
    private var heap: [Entry] = []
    private var sequence: UInt64 = 0
    private var cancelled = 0
    private var isStopped = false

    init() {
        Threads.start(name: "jf-timers") { [self] in run() }
    }

    /// Calls `fire` on the timers' thread at `deadline` (``Clock/monotonicNanoseconds``); `fire` must be quick.
    ///
    /// - Parameter isWanted: called before `fire`, and by ``timerCancelled()`` under the lock; must be quick and must
    ///   not call this object.
    func schedule(
        at deadline: Int64, isWanted: @escaping @Sendable () -> Bool = { true }, _ fire: @escaping @Sendable () -> Void
    ) {
        monitor.withLock {
            guard !isStopped else { return }
            sequence += 1
            push(Entry(deadline: deadline, sequence: sequence, isWanted: isWanted, fire: fire))
            if heap[0].sequence == sequence { monitor.signal() }
        }
    }

    /// Notes that some timer is not wanted any more. Cancelled timers are removed together, once half of the heap are
    /// such.
    func timerCancelled() {
        monitor.withLock {
            cancelled += 1
            guard cancelled > 64, cancelled > heap.count / 2 else { return }
            cancelled = 0
            // A sorted array is a valid heap.
            heap = heap.filter { $0.isWanted() }.sorted(by: isBefore)
        }
    }

    func stop() {
        monitor.withLock {
            isStopped = true
            heap = []
            monitor.signal()
        }
    }

    private func run() {
        monitor.lock()
        while !isStopped {
            guard let next = heap.first else {
                monitor.wait()
                continue
            }
            guard next.deadline <= Clock.monotonicNanoseconds else {
                monitor.wait(until: next.deadline)
                continue
            }
            pop()
            monitor.unlock()
            if next.isWanted() { next.fire() }
            monitor.lock()
        }
        monitor.unlock()
    }

    // MARK: The heap

    private func isBefore(_ a: Entry, _ b: Entry) -> Bool { (a.deadline, a.sequence) < (b.deadline, b.sequence) }

    private func push(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(heap[child], heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private func pop() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(heap[child], heap[least])
            { least = child }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
