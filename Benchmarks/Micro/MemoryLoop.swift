import Dispatch
import PluginHost
import SocketIO
import Synchronization

/// An event loop without I/O: what other threads give it runs when the benchmark's thread says so.
///
/// `@unchecked Sendable`: `shard` is set before the loop is given to anyone, and used on the benchmark's thread only.
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

    /// Runs what has come; waits for it at most so long. It sleeps meanwhile: valgrind runs one thread at a time, and
    /// one that spins keeps the others from what it waits for.
    func tick(within limit: DispatchTimeInterval = .seconds(1)) {
        guard arrivals.wait(timeout: .now() + limit) == .success, let shard else { return }
        let waiting = jobs.withLock { jobs in
            defer { jobs.removeAll(keepingCapacity: true) }
            return jobs
        }
        for job in waiting { job(shard) }
    }
}
