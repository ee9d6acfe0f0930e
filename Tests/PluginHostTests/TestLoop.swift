import EngineIO
import Support

@testable import PluginHost
@testable import SocketIO

/// An event loop without I/O: a thread with a queue, a shard and a timer wheel.
///
/// `@unchecked Sendable`: `jobs`, `given` and `isStopped` are used under `monitor`, the rest on the loop's thread after
/// `start`.
final class TestLoop: HostLoop, @unchecked Sendable {
    let index: Int
    private let monitor = Monitor()
    private var jobs: [@Sendable () -> Void] = []
    private var given = 0
    private var isStopped = false
    private let timers = TimerWheel(now: Clock.monotonicNanoseconds / 1_000_000)
    private var shard: Shard!
    private(set) var table: SessionTable!

    init(index: Int) {
        self.index = index
    }

    func start(_ host: Host) {
        Threads.start(name: "test-loop-\(index)") { [self] in
            shard = host.makeShard(index: index, timers: timers)
            table = SessionTable(options: EngineOptions(), timers: timers, loop: index)
            run()
        }
    }

    func stop() {
        monitor.withLock {
            isStopped = true
            monitor.signal()
        }
    }

    func execute(_ job: @escaping @Sendable (Shard) -> Void) {
        monitor.withLock {
            jobs.append { job(self.shard) }
            given += 1
            monitor.signal()
        }
    }

    func executeAfterInput(_ job: @escaping @Sendable (Shard) -> Void) { execute(job) }

    /// Number of jobs enqueued, ever.
    var jobsGiven: Int { monitor.withLock { given } }

    /// Runs `body` on the loop and waits for its result.
    func sync<Value: Sendable>(_ body: @escaping @Sendable (Shard) -> Value) -> Value {
        let outcome = BlockingFuture<Value>()
        execute { outcome.fulfil(body($0)) }
        // Without a value there is nothing to return, and a test that waits for this loop would never end.
        guard let value = outcome.wait(until: Clock.monotonicNanoseconds + 10_000_000_000) else {
            fatalError("the test loop is stuck: a bug of the test")
        }
        return value
    }

    private func run() {
        while true {
            monitor.lock()
            if jobs.isEmpty, !isStopped { monitor.wait(until: Clock.monotonicNanoseconds + 2_000_000) }
            let batch = jobs
            jobs = []
            let isOver = isStopped
            monitor.unlock()
            for job in batch { job() }
            timers.advance(to: Clock.monotonicNanoseconds / 1_000_000)
            if isOver { return }
        }
    }
}
