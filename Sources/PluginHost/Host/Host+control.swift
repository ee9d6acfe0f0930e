import Logging
import SocketIO
import Support

/// Helpers that loading, unloading and stopping share.
extension Host {
    /// Runs `body` on the control thread and waits for its result. Must not be called on the control thread or on a
    /// loop.
    func onControl<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        guard let value = control.run(until: .max, body) else {
            preconditionFailure("the host's control thread has ended, but nothing may end it")
        }
        return value
    }

    func deadline(in milliseconds: Int) -> Int64 { Clock.monotonicNanoseconds + Int64(milliseconds) * 1_000_000 }

    // MARK: Waiting for plugins

    /// Runs one life cycle callback of a plugin on its strand, then checks what it did to signals.
    ///
    /// - Parameter isLast: whether the strand ends with it.
    /// - Returns: the callback's result; `nil` if it did not return by `deadline` or ``stopBy``.
    func call<Value: Sendable>(
        _ plugin: LoadedPlugin, _ callback: Callback, until deadline: Int64, isLast: Bool = false,
        _ body: @escaping @Sendable () -> Value
    ) -> Value? {
        let outcome = plugin.strand.begin(callback, isLast: isLast) {
            let value = body()
            let blocked = SignalMask.clear()
            if !blocked.isEmpty {
                plugin.misused(
                    "\(callback.title) left signals \(blocked) blocked on the plugin's thread, from which its child processes would inherit them; the host has unblocked them"
                )
            }
            return value
        }
        let value = wait(for: outcome, until: deadline)
        inspectSignals(after: (plugin, callback))
        return value
    }

    /// Checks whether a signal's action has changed, and logs each change.
    ///
    /// - Parameter step: the callback that has just run; `nil`: any callback or thread of any plugin may be the cause.
    ///   Then the plugin is known only if the new action is a function of its library.
    func inspectSignals(after step: (plugin: LoadedPlugin, callback: Callback)?) {
        for change in signals?.inspect() ?? [] {
            let what = "what the process does on \(change.signal)"
            let alive = registry.withLock { $0.alive }
            let owner = alive.first { $0.identity.hasCode(at: change.function) }
            let text: String
            if let step, owner == nil || owner === step.plugin {
                text = "\(step.callback.title) changed \(what)"
            } else if owner != nil {
                text = "a function of this plugin changed \(what)"
            } else {
                text =
                    "one of the plugins \(alive.map { "'\($0.outline.name)'" }.joined(separator: ", ")) changed \(what)"
            }
            let culprit = owner ?? step?.plugin
            guard change.isRestored else {
                culprit.map { $0.log.info(text) } ?? logger.info("\(text)")
                continue
            }
            let line = "\(text), which is the host's; the host has restored it"
            if let culprit {
                culprit.misused(line)
            } else {
                logger.warning("\(line)")
                options.onMisuse?(line, false)
            }
        }
    }

    /// Waits for a result until `deadline` or ``stopBy``, whichever is earlier. Polls, because `shutdown` may set
    /// ``stopBy`` during the wait.
    func wait<Value>(for outcome: BlockingFuture<Value>, until deadline: Int64) -> Value? {
        while true {
            let now = Clock.monotonicNanoseconds
            let limit = min(deadline, stopBy.load(ordering: .relaxed))
            if let value = outcome.wait(until: min(limit, now + 100_000_000)) { return value }
            if now >= limit || outcome.isSettled { return outcome.wait(until: 0) }
        }
    }

    // MARK: Declarations in force [control]

    /// - Returns: whether every loop has dropped the plugin's declarations, so that none is in an inline callback of
    ///   it.
    @discardableResult
    func withdraw(_ plugin: LoadedPlugin) -> Bool {
        router.remove(plugin)
        registry.withLock { $0.plugins.removeAll { $0 === plugin } }
        // Cannot throw: removing declarations from a valid table leaves it valid.
        return (try? publish()) ?? true
    }

    /// Builds a snapshot from the declarations of all plugins and has every loop adopt it.
    ///
    /// - Returns: whether all loops have adopted it; `false` if one was held up and did not in time.
    @discardableResult
    func publish(until deadline: Int64? = nil) throws(NamespaceTableError) -> Bool {
        let (plugins, builtins, holds, isClosed) = registry.withLock {
            ($0.plugins, $0.builtins, $0.holds, $0.isClosed)
        }
        let snapshot = try DispatchSnapshot(
            namespaces: namespaces, builtins: builtins, plugins: plugins, holds: holds, deliversEvents: !isClosed)
        registry.withLock { $0.snapshot = snapshot }
        return onEveryLoop(until: deadline) { $0.adopt(snapshot) }
    }

    /// Runs `body` on each loop and waits, at most five seconds. Does not wait for a loop that is still busy with an
    /// earlier call.
    ///
    /// - Returns: `false` if a loop did not run it in time. It runs it later.
    func onEveryLoop(until deadline: Int64? = nil, _ body: @escaping @Sendable (LoopContext) -> Void) -> Bool {
        let deadline = min(deadline ?? .max, Clock.monotonicNanoseconds + 5_000_000_000)
        let running = contexts.filter { $0.isAttached.load(ordering: .acquiring) }
        let done = running.map { context in
            let outcome = BlockingFuture<Bool>()
            let isBusy = context.isBusy
            context.lastControlJob = outcome
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

    // MARK: Ending a plugin

    /// Lets a plugin whose declarations are withdrawn finish its queue, then calls `stop`, then `destroy`.
    ///
    /// When `destroy` begins, the host makes no other call into the plugin: the loops have dropped its declarations,
    /// its lanes have ended, its timers are closed, and `destroy` is the last task of its strand.
    ///
    /// - Returns: `false` if a callback did not return by `deadline`.
    func end(_ plugin: LoadedPlugin, until deadline: Int64, afterStop: Bool) -> Bool {
        // Waits for what is queued, on all strands at the same time.
        let queued = plugin.allStrands.map { $0.begin { true } }
        guard queued.allSatisfy({ wait(for: $0, until: deadline) != nil }) else { return false }
        guard plugin.isolated?.drain(until: deadline) ?? true else { return false }
        let lanes = plugin.lanes.map { $0.begin(isLast: true) { true } }
        guard lanes.allSatisfy({ wait(for: $0, until: deadline) != nil }) else { return false }
        let aborts = plugin.pending.close()
        if afterStop, call(plugin, .stop, until: deadline, { plugin.stop(aborting: aborts) }) == nil { return false }
        plugin.completeTokens()
        services.unbindAll(of: plugin)
        return call(plugin, .destroy, until: deadline, isLast: true) {
            plugin.destroy(aborting: afterStop ? [] : aborts)
        } != nil
    }

    /// Releases everything that a plugin whose declarations are withdrawn still owns.
    func abandon(_ plugin: LoadedPlugin, isStuck: Bool) {
        plugin.state = isStuck ? .stuck : .stopped
        plugin.isolated?.retire()
        _ = services.withdraw(plugin, until: 0)
        services.unbindAll(of: plugin)
        _ = plugin.timers.close()
        _ = plugin.pending.close()
        plugin.completeTokens()
        for strand in plugin.allStrands { strand.close() }
        if !isStuck { plugin.removeCopy() }
        registry.withLock { $0.forget(plugin, isStuck: isStuck) }
    }
}

/// Watches the process's signal actions, which plugins share with the host.
public protocol SignalInspector: Sendable {
    /// Returns the changes since the last call, and restores the host's own signal actions. Any thread.
    func inspect() -> [SignalChange]
}

/// A signal whose action has changed.
public struct SignalChange: Sendable, Equatable {
    /// The signal's name, such as `SIGTERM`.
    public let signal: String
    /// Whether the signal is the host's and its action was restored. Others are left as they are: Go's runtime, for
    /// one, needs its own SIGSEGV action.
    public let isRestored: Bool
    /// The address of the function that was found; 0 if the signal was ignored or set to its default.
    public let function: UInt

    public init(signal: String, isRestored: Bool, function: UInt = 0) {
        self.signal = signal
        self.isRestored = isRestored
        self.function = function
    }
}
