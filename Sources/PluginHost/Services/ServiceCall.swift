import CJackfield
import Support
import Synchronization

/// A call of a method that does not run on the caller's thread: it waits in the queue of the provider, runs there, and
/// may be answered later. Settled exactly once. [any-thread]
final class ServiceCall: Sendable {
    let method: ProvidedMethod
    private let caller: LoadedPlugin
    /// nil when the call is settled: a timer may hold the call much longer than its arguments are needed.
    private let waiting: Mutex<Waiting?>

    private struct Waiting: Sendable {
        let args: ValueBlock
        /// Called once, on the thread that settles the call.
        let completion: @Sendable (CallOutcome) -> Void
    }

    init(
        _ method: ProvidedMethod, _ args: ValueBlock, caller: LoadedPlugin,
        completion: @escaping @Sendable (CallOutcome) -> Void
    ) {
        self.method = method
        self.caller = caller
        waiting = Mutex(Waiting(args: args, completion: completion))
    }

    var isSettled: Bool { waiting.withLock { $0 == nil } }

    /// - Returns: `false` if it was settled before.
    @discardableResult
    func settle(_ outcome: CallOutcome) -> Bool {
        let waiting = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        waiting?.completion(outcome)
        return waiting != nil
    }

    /// Queues the call on a strand of its method; settles it if the queue refuses it, or the provider ends first.
    func enqueue(on strand: Strand) {
        let plugin = method.plugin
        let task = StrandTask(method.callback, run: { self.run() }, drop: { self.settle(self.gone) })
        let bytes = waiting.withLock { $0?.args.bytes ?? 0 }
        guard !strand.enqueue(task, bytes: bytes) else { return }
        settle(plugin.isInForce ? CallOutcome(JF_E_LIMIT, "the queue of plugin '\(plugin.name)' is full") : gone)
    }

    /// The outcome of a call that was not answered in time.
    func timedOut(after timeout: UInt32) -> CallOutcome {
        CallOutcome(
            JF_E_TIMEOUT,
            "method '\(method.type.name)' of plugin '\(method.plugin.name)' gave no result within \(timeout) ms")
    }

    private var gone: CallOutcome { CallOutcome(JF_E_UNAVAILABLE, "plugin '\(method.plugin.name)' has stopped") }

    /// Calls the method. On its strand.
    private func run() {
        let plugin = method.plugin
        // nil: the caller does not wait any more.
        guard plugin.isCreated, let args = waiting.withLock({ $0?.args }) else { return }
        guard let token = plugin.tokens.enter(.call(self), kept: false) else {
            settle(
                plugin.isInForce
                    ? CallOutcome(JF_E_LIMIT, "plugin '\(plugin.name)' has too many calls under way") : gone)
            return
        }
        let outcome = MethodRun.perform(
            method, args: args.values, count: UInt32(args.count), isTerminated: true, caller: caller.callerText,
            reply: token)
        // If the token is gone, the method has completed or kept it.
        guard plugin.tokens.reclaim(token) != nil else { return }
        settle(outcome)
    }
}
