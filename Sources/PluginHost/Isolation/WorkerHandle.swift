import CJackfield
import Isolation
import Support
import Synchronization

/// One worker process, as the daemon sees it: its channel, the process, and the steps of the plugin's life that wait
/// for
/// its answers. [any-thread]
final class WorkerHandle: Sendable {
    /// Distinguishes the workers of one plugin, from 1.
    let generation: UInt64
    let channel: SharedChannel
    let process: WorkerProcess
    /// When it was started, on ``Clock/monotonicNanoseconds``.
    let since = Clock.monotonicNanoseconds

    let longReplies = LongReplies()
    /// Batches that run in the worker. Used by the thread that reads its channel.
    let openBatches = Atomic<Int>(0)

    private struct State {
        var steps: [UInt64: BlockingFuture<StepOutcome>] = [:]
        var last: UInt64 = 0
        /// Why it has ended; `nil` while it runs.
        var end: String?
    }

    private let state = Mutex(State())
    private let exit: BlockingFuture<WorkerProcess.Exit>

    private init(
        generation: UInt64, channel: SharedChannel, process: WorkerProcess, exit: BlockingFuture<WorkerProcess.Exit>
    ) {
        self.generation = generation
        self.channel = channel
        self.process = process
        self.exit = exit
    }

    /// Waits until the process has ended, and returns how.
    func waitForExit() -> WorkerProcess.Exit { exit.wait(until: .max) ?? .unknown }

    /// Makes the worker run a step of the plugin's life, and waits for its answer.
    ///
    /// - Returns: the answer; a failure if the worker ends before, or does not answer by `deadline`.
    func run(_ step: WorkerMessage, _ payload: WireWriter = WireWriter(), until deadline: Int64) -> StepOutcome {
        let future = BlockingFuture<StepOutcome>()
        let (number, end) = state.withLock { state in
            state.last += 1
            if state.end == nil { state.steps[state.last] = future }
            return (state.last, state.end)
        }
        if let end { return .failed(.failed, end) }
        // If it cannot be written, the worker has ended, and its end settles the step.
        send(step, id: number, payload)
        guard let outcome = future.wait(until: deadline) else {
            state.withLock { _ = $0.steps.removeValue(forKey: number) }
            return .failed(.timedOut, "the worker process did not answer in time")
        }
        return outcome
    }

    /// Sends a message. Waits while the ring is full; the worker's end releases the wait.
    func send(_ kind: WorkerMessage, id: UInt64, _ payload: WireWriter) {
        payload.bytes.withUnsafeBytes { _ = channel.write(kind: kind.rawValue, id: id, $0, until: .max) }
    }

    /// Passes the answer of a step to the thread that waits for it.
    func settle(_ number: UInt64, _ outcome: StepOutcome) {
        state.withLock { $0.steps.removeValue(forKey: number) }?.fulfil(outcome)
    }

    /// Notes that the process has ended: every step that waits fails.
    func end(_ why: String) {
        let steps = state.withLock { state in
            state.end = why
            defer { state.steps = [:] }
            return Array(state.steps.values)
        }
        for step in steps { step.fulfil(.failed(.failed, why)) }
    }
}

/// What a worker has answered to a step of the plugin's life.
enum StepOutcome: Sendable {
    /// The payload of the answer: a descriptor, or nothing.
    case done([UInt8])
    case failed(PluginError.Kind, String)
}

extension PluginError.Kind {
    /// The kinds, in the order of their numbers in messages.
    static let wireOrder: [PluginError.Kind] = [
        .missing, .notAPlugin, .incompatible, .badDescriptor, .conflict, .failed, .timedOut, .unavailable,
    ]
}

extension WorkerHandle {
    /// Starts a worker process for a plugin.
    static func start(for plugin: LoadedPlugin, _ options: WorkerOptions, generation: UInt64)
        -> Result<WorkerHandle, PluginError>
    {
        let host = plugin.host
        guard let parent = host.workerFolder else {
            return .failure(plugin.failure(.failed, "no folder can be made for its worker process; see the log"))
        }
        do {
            let channel = try SharedChannel.create()
            let exit = BlockingFuture<WorkerProcess.Exit>()
            let settings = WorkerProcess.Settings(
                executable: host.options.workerExecutable, arguments: PluginWorker.arguments(for: plugin.name),
                name: plugin.name, folder: "\(parent)/\(plugin.name)", limits: options.limits)
            let process = try WorkerProcess.start(
                settings, channel: channel, onOutput: { plugin.log.warning("the worker process wrote: \($0)") },
                onExit: { reason in
                    exit.fulfil(reason)
                    // The thread that reads the channel still reads what the process has written.
                    channel.endPeer()
                })
            return .success(WorkerHandle(generation: generation, channel: channel, process: process, exit: exit))
        } catch {
            return .failure(plugin.failure(.failed, "its worker process cannot be started: \(error)"))
        }
    }
}
