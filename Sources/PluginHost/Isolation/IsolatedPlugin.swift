import CJackfield
import Glibc
import Isolation
import RawJSON
import Support
import Synchronization

/// A plugin whose code runs in a worker process.
///
/// To the rest of the host it is a plugin like any other: its strand, its lanes, its queue and its tokens are in the
/// daemon. Each callback of its descriptor is a function of the host (``CallbackProxies``) that sends a message to the
/// worker and returns; the worker's answer comes later. So the thread of the strand waits for the worker only while
/// ``window`` callbacks have not returned, or while a worker that has ended is replaced: the events of clients wait in
/// the queue of the strand, within its bounds.
///
/// When a worker ends, each callback that was sent to it and has not returned is answered with an error, and so is each
/// token that it kept. The declarations of the plugin stay in force.
///
/// `@unchecked Sendable`: the fields of ``State`` are used under `monitor` only; the rest is immutable or thread-safe.
final class IsolatedPlugin: @unchecked Sendable {
    /// Most callbacks that may be sent and not have returned.
    static let window = 1_024
    /// Most bytes of their payloads together. One message may be larger.
    static let windowBytes = 8 << 20

    /// Never dangling: plugins are never freed.
    unowned(unsafe) let plugin: LoadedPlugin
    let options: WorkerOptions
    private let monitor = Monitor()
    private var state: State
    let counters = WorkerCounters()
    /// Callbacks of each lane that were sent and have not returned; the strand's first.
    private let loads: UnsafeMutablePointer<Atomic<Int>>

    enum Phase {
        /// There is no worker yet, or it is being replaced.
        case down
        /// Callbacks are sent to this worker.
        case up(WorkerHandle)
        /// The plugin has ended.
        case over
    }

    private struct State {
        var phase = Phase.down
        /// The worker that runs, whether or not callbacks are sent to it.
        var worker: WorkerHandle?
        var calls = RunningCalls()
        /// Strands that wait for room, or for a worker.
        var waiting = 0
        var lastGeneration: UInt64 = 0
        /// What the first worker declared.
        var declared: [UInt8] = []
        /// What the plugin has restored, and the version that had saved it.
        var restored: (saved: SavedState, version: String)?
        /// Whether workers that end are replaced: from the end of the first load.
        var isKept = false
        /// When a worker is killed, and when the next one is started.
        var policy: SupervisionPolicy
        /// Why there is no worker; `nil` while one is up.
        var problem: String?
    }

    init(of plugin: LoadedPlugin, _ options: WorkerOptions) {
        self.plugin = plugin
        self.options = options
        var limits = SupervisionPolicy.Limits()
        limits.hangAfter = Int64(options.hangAfter) * 1_000_000
        limits.memoryBytes = options.memoryLimit
        limits.longestBackOff = Int64(options.longestBackOff) * 1_000_000
        // The host limits the time of each load.
        limits.startAfter = 0
        state = State(policy: SupervisionPolicy(limits))
        let count = plugin.host.options.laneCount + 1
        // Never freed, as the plugin.
        loads = .allocate(capacity: count)
        for lane in 0..<count { (loads + lane).initialize(to: Atomic(0)) }
    }

    /// Callbacks of a strand that were sent and have not returned. [any-thread]
    func load(of strand: Strand) -> Int { loads[strand.lane].load(ordering: .relaxed) }

    /// Why the plugin cannot work; `nil` if a worker is up. [any-thread]
    var problem: String? { monitor.withLock { state.problem } }

    /// The generation of the worker that runs; 0 if there is none. [any-thread]
    var currentGeneration: UInt64 { monitor.withLock { state.worker }?.generation ?? 0 }

    // MARK: Callbacks

    /// Sends a callback to the worker. Waits for a worker, and for room in ``window``. On a strand of the plugin.
    ///
    /// - Parameters:
    ///   - isResult: whether the bytes are those of a result that the plugin has asked for.
    ///   - body: called once, when the callback is about to be sent, so that a token that it holds belongs to the
    ///   worker
    ///     that gets it. Under a lock.
    ///   - write: appends the rest of the payload.
    /// - Returns: `false` if the plugin has ended; `body` was not called then.
    @discardableResult
    func send(
        _ kind: WorkerMessage, bytes: Int = 0, isResult: Bool = false, data: PluginData? = nil,
        _ body: () -> RunningCall.Body,
        _ write: (inout WireWriter, RunningCall.Body) -> Void
    ) -> Bool {
        let strand = ThreadState.current?.strand
        let lane = strand?.lane ?? 0
        let title = strand?.running?.callback.title ?? Callback.other.title
        monitor.lock()
        while true {
            switch state.phase {
            case .over:
                monitor.unlock()
                return false
            case .up(let worker)
            where state.calls.count < Self.window && !state.calls.isFull(lane)
                && (state.calls.bytes + bytes <= Self.windowBytes || state.calls.isEmpty):
                let call = RunningCall(
                    body: body(), title: title, lane: lane, since: Clock.monotonicNanoseconds, bytes: bytes,
                    isResult: isResult, data: data)
                let (number, waits) = state.calls.add(call)
                loads[lane].wrappingAdd(1, ordering: .relaxed)
                // Before it can return, and so become the one that runs.
                if waits { plugin.budget.reserveUnconditionally(call.queueBytes) }
                if call.isResult { plugin.results.hold(bytes) }
                monitor.unlock()
                var writer = WireWriter(capacity: bytes + 128)
                writer.integer(UInt16(truncatingIfNeeded: lane))
                write(&writer, call.body)
                worker.send(kind, id: number, writer)
                return true
            case .up, .down:
                state.waiting += 1
                monitor.wait()
                state.waiting -= 1
            }
        }
    }

    /// Adds a callback that a loop sends, if there is a worker and room for it. Never waits.
    ///
    /// - Parameter body: as in ``send(_:bytes:isResult:data:_:_:)``; `nil`: it cannot be sent.
    /// - Returns: its number, and the worker.
    func begin(bytes: Int, title: String, lane: Int, data: PluginData?, _ body: () -> RunningCall.Body?)
        -> (number: UInt64, worker: WorkerHandle)?
    {
        monitor.withLock {
            guard case .up(let worker) = state.phase, state.calls.count < Self.window, !state.calls.isFull(lane),
                state.calls.bytes + bytes <= Self.windowBytes, let body = body()
            else { return nil }
            let call = RunningCall(
                body: body, title: title, lane: lane, since: Clock.monotonicNanoseconds, bytes: bytes, isResult: false,
                data: data)
            let (number, waits) = state.calls.add(call)
            loads[lane].wrappingAdd(1, ordering: .relaxed)
            if waits { plugin.budget.reserveUnconditionally(bytes) }
            return (number, worker)
        }
    }

    /// Removes a callback that was not sent after all.
    ///
    /// - Returns: `false` if the worker has ended meanwhile: then the callback was answered.
    func undo(_ number: UInt64, lane: Int, bytes: Int) -> Bool {
        monitor.withLock {
            let waited = state.calls.isWaiting(number)
            guard state.calls.undo(number) else { return false }
            loads[lane].wrappingSubtract(1, ordering: .relaxed)
            if waited { plugin.budget.release(1, bytes) }
            return true
        }
    }

    /// Removes a callback that has returned; `nil` if it is not one that runs in this worker.
    func finish(_ number: UInt64, of worker: WorkerHandle) -> RunningCall? {
        monitor.withLock {
            guard state.worker === worker, let (call, next) = state.calls.finish(number) else { return nil }
            if let next { plugin.budget.release(1, next.queueBytes) }
            loads[call.lane].wrappingSubtract(1, ordering: .relaxed)
            if call.isResult { plugin.results.release(call.bytes) }
            // All, because a strand may wait for room of its own.
            if state.waiting > 0 { monitor.broadcast() }
            return call
        }
    }

    /// Waits until every callback that was sent has returned.
    ///
    /// - Returns: `false` if one has not by `deadline`.
    func drain(until deadline: Int64) -> Bool {
        while Clock.monotonicNanoseconds < deadline {
            let isDrained = monitor.withLock { () -> Bool in
                if case .up = state.phase { state.calls.isEmpty } else { true }
            }
            if isDrained { return true }
            usleep(1_000)
        }
        return false
    }

    // MARK: The life of the plugin. On its strand

    /// Starts the first worker, which maps the library and calls `jf_plugin_main`.
    func load() -> Result<PluginDescriptor, PluginError> {
        // The thread of the load waits for the strand, and gives both up after its deadline.
        switch startWorker(until: .max) {
        case .failure(let error): return .failure(error)
        case .success(let declared):
            let descriptor = Self.read(declared, for: plugin)
            if case .success = descriptor { monitor.withLock { state.declared = declared } } else { retire() }
            return descriptor
        }
    }

    /// Makes the worker call `create`.
    func create() -> PluginError? {
        guard let worker = monitor.withLock({ state.worker }) else {
            return plugin.failure(.failed, "create failed: the worker process has ended")
        }
        if let error = run(.create, on: worker) { return error }
        return monitor.withLock {
            guard state.worker === worker else {
                return plugin.failure(.failed, "create failed: the worker process has ended")
            }
            goUp(worker)
            return nil
        }
    }

    /// Callbacks are sent from now on. Under the lock.
    private func goUp(_ worker: WorkerHandle) {
        state.phase = .up(worker)
        state.policy.ready(Clock.monotonicNanoseconds)
        monitor.broadcast()
    }

    /// Makes the worker call `start`. From here on a worker that ends is replaced.
    func start() -> PluginError? {
        guard let worker = monitor.withLock({ state.worker }) else {
            return plugin.failure(.failed, "start failed: the worker process has ended")
        }
        if let error = run(.start, on: worker) { return error }
        let isUp = monitor.withLock {
            state.isKept = true
            return state.worker === worker
        }
        return isUp ? nil : plugin.failure(.failed, "start failed: the worker process has ended")
    }

    /// Makes the worker call `save`.
    ///
    /// - Parameter limit: most bytes of the state.
    func save(limit: Int) -> Result<SavedState, PluginError> {
        guard let worker = monitor.withLock({ state.worker }) else {
            return .failure(plugin.failure(.failed, "save failed: the worker process has ended"))
        }
        switch worker.run(.save, until: .max) {
        case .failed(let kind, let problem): return .failure(plugin.failure(kind, problem))
        case .done(let payload):
            return payload.withUnsafeBytes { bytes in
                var reader = WireReader(bytes, WireArena())
                guard let saved = try? reader.saved(), saved.bytes.count <= limit else {
                    return .failure(plugin.failure(.failed, "save failed: the worker process wrote a malformed state"))
                }
                return .success(saved)
            }
        }
    }

    /// Makes the worker call `restore`. A later worker gets the same state, without tokens and streams, which end with
    /// the worker.
    func restore(_ saved: SavedState, from version: String) -> PluginError? {
        guard let worker = monitor.withLock({ state.worker }) else {
            return plugin.failure(.failed, "restore failed: the worker process has ended")
        }
        monitor.withLock {
            var kept = saved
            (kept.tokens, kept.streams) = ([], [])
            state.restored = (kept, version)
        }
        return run(.restore, on: worker, Self.restoreMessage(saved, version))
    }

    /// Makes the worker call `resumed`.
    func resumed() { if let worker = monitor.withLock({ state.worker }) { _ = worker.run(.resumed, until: .max) } }

    private static func restoreMessage(_ saved: SavedState, _ version: String) -> WireWriter {
        var payload = WireWriter(capacity: saved.bytes.count + 256)
        payload.saved(saved)
        payload.data(version.utf8)
        return payload
    }

    /// The callback that runs, or the one that has run longest. [any-thread]
    var oldest: RunningCall? { monitor.withLock { state.calls.running.first?.call } }

    /// Makes the worker call `stop`.
    func stop() {
        let worker = monitor.withLock {
            state.isKept = false
            return state.worker
        }
        if let worker { _ = worker.run(.stop, until: .max) }
    }

    /// Makes the worker call `destroy`, and end.
    func destroy() {
        if let worker = monitor.withLock({ state.worker }) { _ = worker.run(.destroy, until: .max) }
        retire()
    }

    /// Ends the worker, whatever it does. Nothing is sent any more. [any-thread]
    func retire() {
        let worker = monitor.withLock {
            state.isKept = false
            state.phase = .over
            _ = state.policy.stop(Clock.monotonicNanoseconds)
            monitor.broadcast()
            return state.worker
        }
        worker?.process.kill()
        worker?.channel.close()
    }

    private func run(_ step: WorkerMessage, on worker: WorkerHandle, _ payload: WireWriter = WireWriter())
        -> PluginError?
    {
        if case .failed(let kind, let problem) = worker.run(step, payload, until: .max) {
            return plugin.failure(kind, problem)
        }
        return nil
    }

    // MARK: Workers

    /// Starts a worker process, which maps the library and calls `jf_plugin_main`.
    ///
    /// - Returns: the declarations, as the worker wrote them.
    private func startWorker(until deadline: Int64) -> Result<[UInt8], PluginError> {
        let generation = monitor.withLock {
            let now = Clock.monotonicNanoseconds
            // The first worker; or the wait for the next one is over.
            _ = state.policy.start(now) ?? state.policy.check(now, isBusy: false, counter: 0, memory: nil)
            state.lastGeneration += 1
            return state.lastGeneration
        }
        let worker: WorkerHandle
        switch WorkerHandle.start(for: plugin, options, generation: generation) {
        case .failure(let error): return .failure(error)
        case .success(let started): worker = started
        }
        let isOver = monitor.withLock {
            if case .over = state.phase { return true }
            state.worker = worker
            return false
        }
        guard !isOver else {
            worker.process.kill()
            return .failure(plugin.failure(.unavailable, "is being unloaded"))
        }
        Threads.start(name: "jf-worker") { self.receive(from: worker) }
        switch worker.run(.load, plugin.loadMessage, until: deadline) {
        case .done(let declared): return .success(declared)
        case .failed(let kind, let problem):
            discard(worker)
            return .failure(plugin.failure(kind, problem))
        }
    }

    /// Ends a worker whose plugin could not be loaded. Its end is no failure of its own, unless it is to be replaced.
    private func discard(_ worker: WorkerHandle) {
        monitor.withLock { if !state.isKept { _ = state.policy.stop(Clock.monotonicNanoseconds) } }
        worker.process.kill()
    }

    /// Reads the declarations of a worker by the rules for every descriptor.
    private static func read(_ declared: [UInt8], for plugin: LoadedPlugin) -> Result<PluginDescriptor, PluginError> {
        declared.withUnsafeBytes { bytes in
            do {
                let arena = WireArena()
                var reader = WireReader(bytes, arena)
                let (raw, hasHandshake) = try reader.descriptor(proxies)
                try reader.finish()
                guard !hasHandshake else {
                    return .failure(
                        plugin.failure(
                            .incompatible,
                            "has a handshake hook, which runs on an event loop and so cannot run in a worker process: load it with 'isolation: none', or decide in an admit hook"
                        ))
                }
                let descriptor = try DescriptorReader.read(raw, socketPath: plugin.host.options.socketPath)
                withExtendedLifetime(arena) {}
                return .success(descriptor)
            } catch let error as DescriptorReader.Problem {
                return .failure(plugin.failure(error.kind, error.text))
            } catch {
                let problem = (error as? MalformedMessage)?.problem ?? "\(error)"
                return .failure(plugin.failure(.badDescriptor, "the worker's descriptor cannot be read: \(problem)"))
            }
        }
    }

    // MARK: The end of a worker

    /// The process has ended: answers what it owed, and starts its successor. On a thread of its own.
    func ended(_ worker: WorkerHandle, _ exit: WorkerProcess.Exit) {
        let now = Clock.monotonicNanoseconds
        let running = monitor.withLock { state.calls.running.map(\.call) }
        let why = "the worker process \(exit)\(running.first.map { " while it ran \($0.title)" } ?? "")"
        let (lost, end) = monitor.withLock { () -> ([RunningCall], SupervisionPolicy.End?) in
            guard state.worker === worker else { return ([], nil) }
            state.worker = nil
            let end = state.policy.ended(now, random: .random(in: 0 ... .max))
            // It is not replaced.
            if !state.isKept { _ = state.policy.stop(now) }
            let lost = state.calls.removeAll()
            plugin.budget.release(lost.waiting, lost.waitingBytes)
            for call in lost.calls {
                loads[call.lane].wrappingSubtract(1, ordering: .relaxed)
                if call.isResult { plugin.results.release(call.bytes) }
            }
            if case .up = state.phase { state.phase = .down }
            if state.isKept { state.problem = why }
            monitor.broadcast()
            return (lost.calls, end)
        }
        report(end, why, exit, lost: lost.count)
        worker.end(why)
        worker.channel.close()
        answer(lost)
        plugin.releaseWorker()
        if let backOff = end?.backOff, monitor.withLock({ state.isKept }) { replace(after: backOff) }
    }

    /// Counts and logs the end of a worker. Called before the callbacks in it are answered: a client with an answer
    /// finds the counter and the line.
    private func report(_ end: SupervisionPolicy.End?, _ why: String, _ exit: WorkerProcess.Exit, lost: Int) {
        guard let end, end.cause != .stopped else { return }
        counters.count(end.cause, exit)
        let cause = end.cause == .ended ? "" : ": \(end.cause)"
        let isReplaced = monitor.withLock { state.isKept }
        let next = isReplaced ? end.backOff.map { "; the next one starts in \($0 / 1_000_000) ms" } ?? "" : ""
        plugin.log.error("\(why), after \(end.uptime / 1_000_000) ms\(cause); \(lost) callbacks were lost\(next)")
    }

    /// Answers callbacks that will never return.
    private func answer(_ calls: [RunningCall]) {
        for call in calls {
            switch call.body {
            case .function(let future):
                future.fulfil(RemoteFunctionOutcome(code: JF_E_UNAVAILABLE, status: 0, value: nil))
            // Their tokens are in the table; ``LoadedPlugin/releaseWorker()`` answers them.
            case .event, .request, .admit, .method, .other: break
            }
        }
    }

    private func replace(after delay: Int64) {
        plugin.host.timers.schedule(at: Clock.monotonicNanoseconds + delay) {
            Threads.start(name: "jf-worker") { self.replaceNow() }
        }
    }

    /// Starts the successor of a worker that has ended, and brings it to the state of a running plugin.
    private func replaceNow() {
        guard monitor.withLock({ state.isKept }) else { return }
        let deadline = plugin.host.deadline(in: plugin.host.options.startDeadline)
        switch startWorker(until: deadline) {
        case .failure(let error):
            plugin.log.error("the worker process was not replaced: \(error.problem)")
            // If a process was started, it is killed, and its end is noticed as that of any worker.
            let backOff = monitor.withLock { () -> Int64? in
                state.problem = error.problem
                guard state.worker == nil else { return nil }
                return state.policy.ended(Clock.monotonicNanoseconds, random: .random(in: 0 ... .max))?.backOff
            }
            if let backOff { replace(after: backOff) }
        case .success(let declared):
            let (worker, first) = monitor.withLock { (state.worker, state.declared) }
            guard let worker else { return }
            guard declared == first else {
                let problem =
                    "the file now declares something else than when the plugin was loaded; unload the plugin and load it again"
                plugin.log.error("the worker process was not replaced: \(problem)")
                monitor.withLock {
                    state.isKept = false
                    state.problem = problem
                }
                worker.process.kill()
                return
            }
            let restored = monitor.withLock { state.restored }
            var steps = [(WorkerMessage.create, WireWriter()), (.start, WireWriter())]
            if let restored { steps.insert((.restore, Self.restoreMessage(restored.saved, restored.version)), at: 1) }
            for (step, payload) in steps {
                guard case .failed(_, let problem) = worker.run(step, payload, until: deadline) else {
                    if step == .create { bringUp(worker) }
                    continue
                }
                plugin.log.error("the worker process was not replaced: \(problem)")
                monitor.withLock { state.problem = problem }
                worker.process.kill()
                return
            }
            monitor.withLock { if state.worker === worker { state.problem = nil } }
            counters.restarts.wrappingAdd(1, ordering: .relaxed)
            plugin.log.info("a new worker process (\(worker.process.pid)) runs the plugin")
        }
    }

    private func bringUp(_ worker: WorkerHandle) {
        monitor.withLock {
            if state.worker === worker, state.isKept { goUp(worker) }
        }
    }

    // MARK: Inspection

    /// Kills a worker of which a callback hangs, or that uses too much memory. Called periodically.
    func inspect() {
        guard let worker = monitor.withLock({ state.worker }) else { return }
        let memory = options.memoryLimit > 0 ? worker.process.memoryBytes : nil
        let isHung = monitor.withLock { () -> Bool in
            guard state.worker === worker else { return false }
            switch state.policy.state {
            case .starting, .running: break
            default: return false
            }
            // The callback that runs longest, so that one strand that hangs is noticed beside others that do not.
            let oldest = state.calls.oldest
            return state.policy.check(
                Clock.monotonicNanoseconds, isBusy: oldest != 0, counter: oldest, memory: memory) != nil
        }
        if isHung { worker.process.kill() }
    }

    /// Ends a worker that broke the rules of the protocol.
    func reject(_ worker: WorkerHandle, _ problem: String) {
        monitor.withLock { if state.worker === worker { _ = state.policy.broken(problem) } }
        worker.channel.setBroken(problem)
        worker.process.kill()
    }

    // MARK: Status

    /// What operators see of the worker. [any-thread]
    var status: WorkerStatus {
        let worker = monitor.withLock { state.worker }
        return WorkerStatus(
            process: worker?.process.pid ?? 0, memoryBytes: worker?.process.memoryBytes ?? 0,
            restarts: counters.restarts.load(ordering: .relaxed), exits: counters.byReason)
    }
}

/// The worker process of an isolated plugin, as operators see it.
public struct WorkerStatus: Sendable {
    /// The process id; 0 while there is none.
    public var process: Int32
    public var memoryBytes: Int
    /// Workers that were started in place of one that had ended.
    public var restarts: UInt64
    /// How often a worker ended, by reason; only reasons that have occurred.
    public var exits: [(reason: WorkerEnd, count: UInt64)]
}

/// Why a worker process ended.
public enum WorkerEnd: String, Sendable, CaseIterable {
    /// By itself, with an exit code.
    case exit
    /// By a signal that the host did not send.
    case signal
    /// The host killed it, because a callback did not return.
    case hang
    /// The host killed it, because it used too much memory.
    case memory
    /// The host killed it, because it wrote what no worker writes.
    case malformed
}

/// What happened to the workers of one plugin, ever.
final class WorkerCounters: Sendable {
    let restarts = Atomic<UInt64>(0)
    /// Exits by reason.
    private let exits = Mutex<[WorkerEnd: UInt64]>([:])

    var byReason: [(reason: WorkerEnd, count: UInt64)] {
        let exits = exits.withLock { $0 }
        return WorkerEnd.allCases.compactMap { reason in exits[reason].map { (reason, $0) } }
    }

    func count(_ cause: SupervisionPolicy.Cause, _ exit: WorkerProcess.Exit) {
        let reason: WorkerEnd =
            switch (cause, exit) {
            case (.broken, _): .malformed
            case (.hung, _), (.slowStart, _): .hang
            case (.memory, _): .memory
            case (_, .exited): .exit
            default: .signal
            }
        exits.withLock { $0[reason, default: 0] += 1 }
    }
}
