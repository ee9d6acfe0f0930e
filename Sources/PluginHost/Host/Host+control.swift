import Logging
import SocketIO
import Support

/// What loading, unloading and stopping have in common.
extension Host {
    /// Runs `body` on the control thread, and waits for it. Not on that thread itself, nor on a loop's.
    func onControl<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        guard let value = control.run(until: .max, body) else {
            preconditionFailure("the host's control thread has ended, which nothing makes it do")
        }
        return value
    }

    func deadline(in milliseconds: Int) -> Int64 { Clock.monotonicNanoseconds + Int64(milliseconds) * 1_000_000 }

    // MARK: Waiting for plugins

    /// Runs one callback of a plugin's life on its strand, then looks what it did to signals.
    ///
    /// - Parameter isLast: whether the strand ends with it.
    /// - Returns: what it returned; `nil` if it did not by `deadline`, or before the host must have stopped.
    func call<Value: Sendable>(
        _ plugin: LoadedPlugin, _ callback: Callback, until deadline: Int64, isLast: Bool = false,
        _ body: @escaping @Sendable () -> Value
    ) -> Value? {
        let outcome = plugin.strand.begin(callback, isLast: isLast) {
            let value = body()
            let blocked = SignalMask.clear()
            if !blocked.isEmpty {
                plugin.log.warning(
                    "\(callback.title) left signals \(blocked) blocked on the plugin's thread, where its child processes inherit that; none is blocked any more"
                )
            }
            return value
        }
        let value = wait(for: outcome, until: deadline)
        inspectSignals(after: (plugin, callback))
        return value
    }

    /// Looks whether the process's signals are as they were.
    ///
    /// - Parameter step: what has just run; `nil`: it may have been any callback of any plugin, or a thread of its own.
    func inspectSignals(after step: (plugin: LoadedPlugin, callback: Callback)?) {
        for change in signals?.inspect() ?? [] {
            let what = "what the process does on \(change.signal)"
            let text: String
            if let step {
                text = "\(step.callback.title) changed \(what)"
            } else {
                text =
                    "one of the plugins \(registry.withLock { $0.alive }.map { "'\($0.outline.name)'" }.joined(separator: ", ")) changed \(what)"
            }
            let log = { (level: Logger.Level, line: String) in
                step.map { $0.plugin.log.write(level) { line } } ?? self.logger.log(level: level, "\(line)")
            }
            if change.isRestored {
                log(.warning, "\(text), which is the host's; that is as it was again")
            } else {
                log(.info, text)
            }
        }
    }

    /// Waits for a result, at most until `deadline`, and no longer than until the host must have stopped, which
    /// may be decided meanwhile.
    func wait<Value>(for outcome: BlockingFuture<Value>, until deadline: Int64) -> Value? {
        while true {
            let now = Clock.monotonicNanoseconds
            let limit = min(deadline, stopBy.load(ordering: .relaxed))
            if let value = outcome.wait(until: min(limit, now + 100_000_000)) { return value }
            if now >= limit || outcome.isSettled { return outcome.wait(until: 0) }
        }
    }

    // MARK: Declarations in force [control]

    /// - Returns: whether no loop is in an inline callback of the plugin any more.
    @discardableResult
    func withdraw(_ plugin: LoadedPlugin) -> Bool {
        router.remove(plugin)
        registry.withLock { $0.plugins.removeAll { $0 === plugin } }
        // A table of fewer declarations, each of which was good before, is good.
        return (try? publish()) ?? true
    }

    /// Makes the declarations of all plugins a snapshot and has every loop adopt it.
    ///
    /// - Returns: whether they have; `false` if one did not in time, because something has been holding it up.
    @discardableResult
    func publish(until deadline: Int64? = nil) throws(NamespaceTableError) -> Bool {
        let (plugins, builtins, isClosed) = registry.withLock { ($0.plugins, $0.builtins, $0.isClosed) }
        let snapshot = try DispatchSnapshot(
            namespaces: namespaces, builtins: builtins, plugins: plugins, handsOutEvents: !isClosed)
        registry.withLock { $0.snapshot = snapshot }
        return onEveryLoop(until: deadline) { $0.adopt(snapshot) }
    }

    /// Does something on each loop, and waits for them: at most five seconds, and not for a loop that is still busy
    /// with what was asked before.
    ///
    /// - Returns: `false` if a loop did not come to it in time. It does it later.
    func onEveryLoop(until deadline: Int64? = nil, _ body: @escaping @Sendable (LoopContext) -> Void) -> Bool {
        let deadline = min(deadline ?? .max, Clock.monotonicNanoseconds + 5_000_000_000)
        let running = contexts.filter { $0.isAttached.load(ordering: .acquiring) }
        let done = running.map { context in
            let outcome = BlockingFuture<Bool>()
            let isBusy = context.isBusy
            context.lastAsked = outcome
            context.runOrEnqueue {
                body(context)
                outcome.fulfil(true)
            }
            return (outcome, isBusy)
        }
        return done.reduce(true) { isDone, item in
            let (outcome, isBusy) = item
            return (isBusy ? outcome.wait(until: 0) : wait(for: outcome, until: deadline)) != nil && isDone
        }
    }

    // MARK: The way out

    /// Has a plugin that is out of force finish what is queued, then `stop`, then `destroy`.
    ///
    /// Nothing of the host calls it any more when `destroy` begins: the loops have dropped its declarations, its lanes
    /// have ended, its timers are closed, and `destroy` is the last thing that its strand takes.
    ///
    /// - Returns: `false` if a callback did not return by `deadline`.
    func end(_ plugin: LoadedPlugin, until deadline: Int64, afterStop: Bool) -> Bool {
        // What was queued before, each strand on its own.
        let queued = plugin.allStrands.map { $0.begin { true } }
        guard queued.allSatisfy({ wait(for: $0, until: deadline) != nil }) else { return false }
        let lanes = plugin.lanes.map { $0.begin(isLast: true) { true } }
        guard lanes.allSatisfy({ wait(for: $0, until: deadline) != nil }) else { return false }
        let aborts = plugin.pending.close()
        if afterStop, call(plugin, .stop, until: deadline, { plugin.stop(aborting: aborts) }) == nil { return false }
        plugin.completeTokens()
        return call(plugin, .destroy, until: deadline, isLast: true) {
            plugin.destroy(aborting: afterStop ? [] : aborts)
        } != nil
    }

    /// Gives back what is left of a plugin that is out of force.
    func abandon(_ plugin: LoadedPlugin, isStuck: Bool) {
        plugin.state = isStuck ? .stuck : .stopped
        _ = plugin.timers.close()
        _ = plugin.pending.close()
        plugin.completeTokens()
        for strand in plugin.allStrands { strand.close() }
        registry.withLock { $0.forget(plugin, isStuck: isStuck) }
    }
}

/// Keeps what the process does with signals, which plugins share with the host.
public protocol SignalInspector: Sendable {
    /// Looks for changes since the last call, and puts the host's own signals back. Any thread.
    func inspect() -> [SignalChange]
}

/// A signal whose action somebody has changed.
public struct SignalChange: Sendable, Equatable {
    /// `SIGTERM`.
    public let signal: String
    /// Whether it is one of the host's, and as it was again. The others belong to whoever handles them: Go's runtime,
    /// for one, needs its own SIGSEGV.
    public let isRestored: Bool

    public init(signal: String, isRestored: Bool) {
        self.signal = signal
        self.isRestored = isRestored
    }
}
