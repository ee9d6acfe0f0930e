import Dispatch
import PluginHost
import SocketIO
import Synchronization

/// An event loop without I/O. ``tick(within:)`` runs the jobs of other threads on the benchmark's thread.
///
/// `@unchecked Sendable`: `shard` is set before other threads get the loop, and used on the benchmark's thread only.
final class MemoryLoop: HostLoop, @unchecked Sendable {
    let index = 0
    var shard: Shard?
    private let jobs = Mutex<[@Sendable (Shard) -> Void]>([])
    private let arrivals = DispatchSemaphore(value: 0)

    func execute(_ job: @escaping @Sendable (Shard) -> Void) {
        jobs.withLock { $0.append(job) }
        arrivals.signal()
    }

    func executeAfterInput(_ job: @escaping @Sendable (Shard) -> Void) { execute(job) }

    /// Waits for a job, at most for `limit`, and runs all that have come. It sleeps while it waits, because valgrind
    /// runs one thread at a time, and a thread that spins would delay the one it waits for.
    func tick(within limit: DispatchTimeInterval = .seconds(1)) {
        guard arrivals.wait(timeout: .now() + limit) == .success, let shard else { return }
        let waiting = jobs.withLock { jobs in
            defer { jobs.removeAll(keepingCapacity: true) }
            return jobs
        }
        for job in waiting { job(shard) }
    }
}
