import Glibc
import SocketIO
import Support

/// Plugins out. Everything private here runs on the control thread, one thing after the other.
extension Host {
    /// Takes a plugin out: its declarations first, then what is queued is finished, then it may `stop`,
    /// and all it had is undone.
    ///
    /// - Throws: ``PluginError``, of kind `unavailable` if no such plugin is loaded, of kind `timedOut` if it
    ///   did not come back within ``HostOptions/stopDeadline``; then its thread is given up, and everything
    ///   else is undone all the same.
    public func unload(_ name: String) async throws(PluginError) {
        let result: Result<Void, PluginError> = await controlled {
            guard let plugin = self.registry.withLock({ $0.plugins.first { $0.name == name } }) else {
                return .failure(PluginError(.unavailable, plugin: name, path: nil, "is not loaded"))
            }
            return self.retire(plugin, until: self.deadline(in: self.options.stopDeadline)).map { .failure($0) }
                ?? .success(())
        } orElse: {
            .failure(PluginError(.unavailable, plugin: name, path: nil, "the host is stopping"))
        }
        try result.get()
    }

    /// Ends what runs, and loads nothing any more: what plugins have accepted is finished and answered; then every
    /// client is closed, and the plugins hear that the server is shutting down; then they are unloaded, the last one
    /// first. Plugins that are still loading have the same time.
    ///
    /// Returns in time, whatever plugins do: what does not come back is given up, and ``givenUp`` names it.
    ///
    /// - Parameter deadline: milliseconds. Work that is under way gets three quarters of them; what is left is
    ///   divided among the plugins.
    public func shutdown(deadline: Int) async {
        let start = Clock.monotonicNanoseconds
        let end = start + Int64(deadline) * 1_000_000
        stopBy.store(end, ordering: .relaxed)
        isStopping.store(true, ordering: .relaxed)
        await controlled {
            let plugins = self.registry.withLock { registry in
                registry.isClosed = true
                return registry.plugins
            }
            self.finish(plugins, from: start, until: start + (end - start) / 4 * 3)
            self.settle(plugins, until: Clock.monotonicNanoseconds + (end - start) / 8)
            self.closeClients(until: end)
            for (index, plugin) in plugins.reversed().enumerated() {
                let now = Clock.monotonicNanoseconds
                _ = self.retire(plugin, until: now + max(0, end - now) / Int64(plugins.count - index))
            }
        } orElse: {
        }
        // Loads under way end by then, too.
        while registry.withLock({ $0.loads > 0 }), Clock.monotonicNanoseconds < end + 100_000_000 {
            try? await Task.sleep(for: .milliseconds(10))
        }
        timers.stop()
        removeImages()
    }

    /// The plugins that did not come back from a callback in time. Their threads, and what they hold, are as they were;
    /// a process with such a plugin does best to end without calling what runs at its exit.
    public var givenUp: [String] {
        registry.withLock { $0.alive }.filter { $0.state == .stuck }.map(\.outline.name)
    }

    /// The callbacks that have been running for so long, in words:
    /// `plugin 'rooms': destroy has been running for 3.2 s`. Any thread.
    public func callbacks(runningFor milliseconds: Int) -> [String] {
        let now = Clock.monotonicNanoseconds
        return inspectCallbacks().filter { now - $0.since >= Int64(milliseconds) * 1_000_000 }.map {
            "plugin '\($0.plugin.outline.name)': \($0.text(at: now))"
        }
    }

    /// See ``CallbackWatchdog``.
    @discardableResult
    func inspectCallbacks() -> [CallbackWatchdog.Running] { watchdog.inspect(registry.withLock { $0.alive }, contexts) }

    // MARK: On the control thread

    private func controlled<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value, orElse refused: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            let task = StrandTask(
                run: { continuation.resume(returning: body()) }, drop: { continuation.resume(returning: refused()) })
            if !control.enqueue(task) { continuation.resume(returning: refused()) }
        }
    }

    /// Gives plugins no more work, and waits until what they have is done and what they owe their clients is answered.
    private func finish(_ plugins: [LoadedPlugin], from start: Int64, until deadline: Int64) {
        for plugin in plugins { router.remove(plugin) }
        // A loop that is held up is not waited for again.
        _ = try? publish(until: start + (deadline - start) / 3)
        let queued = plugins.flatMap(\.allStrands).map { $0.begin { true } }
        for outcome in queued { _ = wait(for: outcome, until: deadline) }
        // What a plugin answers from a thread of its own mostly comes at once; who has forgotten an ack must not
        // hold up the end for long.
        let patience = min(deadline, Clock.monotonicNanoseconds + (deadline - start) / 3)
        while plugins.contains(where: { $0.tokens.owesAcks }), Clock.monotonicNanoseconds < patience { usleep(5_000) }
        // Whoever took the last one is about to send it.
        usleep(5_000)
    }

    /// Waits until the loops have done what these plugins have asked of them. A loop that is held up is not waited for.
    private func settle(_ plugins: [LoadedPlugin], until deadline: Int64) {
        let done = plugins.flatMap { plugin in
            contexts.filter { $0.isAttached.load(ordering: .acquiring) && !$0.isBusy }.map { context in
                let outcome = BlockingFuture<Bool>()
                plugin.runOrEnqueue(on: context) { outcome.fulfil(true) }
                return outcome
            }
        }
        for outcome in done { _ = wait(for: outcome, until: deadline) }
    }

    /// Closes all clients, as the end of the server: their sockets' hooks are still in force.
    private func closeClients(until deadline: Int64) {
        _ = onEveryLoop(until: deadline) { $0.shard.closeAll(reason: .serverShuttingDown) }
    }

    /// The whole way out of a running plugin.
    private func retire(_ plugin: LoadedPlugin, until deadline: Int64) -> PluginError? {
        let start = Clock.monotonicNanoseconds
        plugin.state = .stopping
        let isOut = withdraw(plugin)
        let isInTime = isOut && end(plugin, until: deadline, afterStop: true)
        let held = isInTime ? nil : inspectCallbacks().first { $0.plugin === plugin }
        abandon(plugin, isStuck: !isInTime)
        if isInTime {
            plugin.log.info("unloaded")
            return nil
        }
        let now = Clock.monotonicNanoseconds
        let reason = held.map { ": \($0.text(at: now))" } ?? (isOut ? "" : ": an event loop has been held up")
        let error = plugin.failure(
            .timedOut,
            "did not come to its end within \((now - start) / 1_000_000) ms\(reason); what it had queued is dropped and its thread given up"
        )
        logger.error("\(error)")
        return error
    }
}
