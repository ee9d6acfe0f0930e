import Support
import Synchronization

/// What a ``WorkerSupervisor`` keeps running. Its functions are called on the thread of the workers, so they must be
/// short and must not wait.
public protocol SupervisedWorker: AnyObject, Sendable {
    /// Makes a channel and starts a process, with ``WorkerProcess/start(_:channel:onOutput:onExit:)``.
    ///
    /// - Parameter onExit: call it when the process has ended.
    func startWorker(onExit: @escaping @Sendable (WorkerProcess.Exit) -> Void) throws -> WorkerProcess

    /// Whether the worker has something to read or to answer, and a number that changes when it reads or answers.
    func workerProgress() -> (isBusy: Bool, counter: UInt64)

    /// The worker has ended, or could not be started. The supervisor starts the next one.
    func workerEnded(_ death: WorkerDeath)
}

/// The end of a worker, for the log and for whoever waits for its answers.
public struct WorkerDeath: Sendable, CustomStringConvertible {
    public let end: SupervisionPolicy.End
    /// 0 if no process was started.
    public let pid: Int32
    /// `nil` if no process was started.
    public let exit: WorkerProcess.Exit?
    /// Why no process was started.
    public let startProblem: String?

    /// One line without the name of the plugin.
    public var description: String {
        let next = end.backOff.map { "the next one starts in \($0 / 1_000_000) ms" } ?? "no other one follows"
        if let startProblem { return "the worker could not be started: \(startProblem); \(next)" }
        let exit = exit.map { "\($0)" } ?? "ended"
        let reason = end.cause == .ended ? "" : ": \(end.cause)"
        return "worker \(pid) \(exit) after \(end.uptime / 1_000_000) ms\(reason); \(next)"
    }
}

/// Keeps one worker running: starts it, kills it when it hangs or uses too much memory, and starts the next one after
/// its end, as ``SupervisionPolicy`` decides.
///
/// `@unchecked Sendable`: everything but `published` is touched on ``WorkerThread`` only.
public final class WorkerSupervisor: @unchecked Sendable {
    /// What is known of the worker.
    public struct Status: Sendable {
        public var state = SupervisionPolicy.State.stopped
        /// The process id; 0 if there is no process.
        public var pid: Int32 = 0
        /// Processes that were started after the first one.
        public var restarts = 0
        /// Ends in a row without a good run.
        public var failures = 0
        /// At the last check; 0 if there is no process.
        public var memoryBytes = 0
        public var lastDeath: WorkerDeath?
    }

    private weak let worker: (any SupervisedWorker)?
    private var policy: SupervisionPolicy
    private var process: WorkerProcess?
    /// The number of the check that is scheduled.
    private var checkNumber = 0
    private let published = Mutex(Status())

    /// - Parameter worker: is not retained.
    public init(_ worker: any SupervisedWorker, limits: SupervisionPolicy.Limits) {
        self.worker = worker
        policy = SupervisionPolicy(limits)
    }

    // MARK: Any thread

    /// Starts the worker, and its successors.
    public func start() { update { $0.start($1) } }

    /// The plugin in the worker works: until it hangs or ends.
    public func ready() {
        update { policy, now in
            policy.ready(now)
            return nil
        }
    }

    /// Kills the worker, because it broke the rules of its channel. The next one follows.
    public func broken(_ reason: String) { update { policy, _ in policy.broken(reason) } }

    /// Kills the worker. No other one follows.
    public func stop() { update { $0.stop($1) } }

    public var status: Status { published.withLock { $0 } }

    // MARK: On the thread of the workers

    /// Changes the state of the policy and carries out what it decides.
    private func update(
        _ change: @escaping @Sendable (inout SupervisionPolicy, Int64) -> SupervisionPolicy.Action?
    ) {
        WorkerThread.shared.enqueue { self.apply(change) }
    }

    private func apply(_ change: (inout SupervisionPolicy, Int64) -> SupervisionPolicy.Action?) {
        switch change(&policy, Clock.monotonicNanoseconds) {
        case .start: startProcess()
        case .kill: process?.kill()
        case nil: break
        }
        publish()
        scheduleCheck()
    }

    private func startProcess() {
        do {
            guard let worker else { throw WorkerStartError("its plugin was unloaded") }
            process = try worker.startWorker { exit in
                // The process has ended on this thread, so this is after the assignment.
                self.ended(exit, problem: nil)
            }
        } catch { ended(nil, problem: "\(error)") }
    }

    private func ended(_ exit: WorkerProcess.Exit?, problem: String?) {
        let pid = process?.pid ?? 0
        process = nil
        guard let end = policy.ended(Clock.monotonicNanoseconds, random: .random(in: 0 ... .max)) else { return }
        let death = WorkerDeath(end: end, pid: pid, exit: exit, startProblem: problem)
        publish(death)
        scheduleCheck()
        worker?.workerEnded(death)
    }

    /// There is one scheduled check: scheduling another one makes the last one void.
    private func scheduleCheck() {
        checkNumber += 1
        guard let due = policy.nextCheck(Clock.monotonicNanoseconds) else { return }
        let number = checkNumber
        WorkerThread.shared.schedule(at: due) { [weak self] in
            guard let self, self.checkNumber == number else { return }
            self.check()
        }
    }

    private func check() {
        let memory = process?.memoryBytes
        let progress = worker?.workerProgress() ?? (isBusy: false, counter: 0)
        published.withLock { $0.memoryBytes = memory ?? 0 }
        apply { policy, now in
            policy.check(now, isBusy: progress.isBusy, counter: progress.counter, memory: memory)
        }
    }

    private func publish(_ death: WorkerDeath? = nil) {
        published.withLock { status in
            status.state = policy.state
            status.pid = process?.pid ?? 0
            status.restarts = policy.restarts
            status.failures = policy.failures
            if process == nil { status.memoryBytes = 0 }
            if let death { status.lastDeath = death }
        }
    }
}
