import Glibc
import SocketIO
import Support

/// Unloads plugins and stops the host. All private functions run on the control thread, one after the other.
extension Host {
    /// Unloads a plugin: withdraws its declarations, finishes its queue, calls `stop` and `destroy`, and releases
    /// everything it owned.
    ///
    /// - Throws: ``PluginError``, of kind `unavailable` if no such plugin is loaded or it is still loading, of kind
    ///   `timedOut` if it did not end within ``HostOptions/stopDeadline``; then its thread is abandoned, and everything
    ///   else is released all the same.
    public func unload(_ name: String) async throws(PluginError) {
        let result: Result<Void, PluginError> = await controlled {
            guard let plugin = self.registry.withLock({ $0.plugins.first { $0.name == name } }) else {
                return .failure(PluginError(.unavailable, plugin: name, path: nil, "is not loaded"))
            }
            guard !self.registry.withLock({ $0.reloading.contains(name) }) else {
                return .failure(plugin.failure(.unavailable, "is being reloaded; try again when that has ended"))
            }
            // Its `start` runs, and the thread of its load goes on with it.
            guard plugin.state == .running else {
                return .failure(plugin.failure(.unavailable, "is still loading; try again when it has loaded"))
            }
            return self.retire(plugin, until: self.deadline(in: self.currentOptions.stopDeadline)).map { .failure($0) }
                ?? .success(())
        } orElse: {
            .failure(PluginError(.unavailable, plugin: name, path: nil, "the host is stopping"))
        }
        try result.get()
    }

    /// Stops the host; nothing is loaded any more. Finishes and answers what plugins have accepted, then closes every
    /// client, which notifies the plugins with the reason "server shutting down", then unloads the plugins in reverse
    /// order. Plugins that are still loading have the same deadline.
    ///
    /// Returns in time, whatever plugins do: a plugin that does not end is abandoned, and ``givenUp`` names it.
    ///
    /// - Parameter deadline: milliseconds. Running work gets three quarters of them; the rest is divided among the
    ///   plugins.
    public func shutdown(deadline: Int) async {
        let start = Clock.monotonicNanoseconds
        let end = start + Int64(deadline) * 1_000_000
        stopBy.store(end, ordering: .relaxed)
        isStopping.store(true, ordering: .relaxed)
        await controlled {
            let plugins = self.registry.withLock { registry in
                registry.isClosed = true
                // Reloads fail from here on: the running versions get what was held.
                registry.holds = []
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
        // Loads that are running end by ``stopBy``, too.
        while registry.withLock({ $0.loads > 0 }), Clock.monotonicNanoseconds < end + 100_000_000 {
            try? await Task.sleep(for: .milliseconds(10))
        }
        timers.stop()
        removeImages()
    }

    /// Whether the host stops or has stopped, so that nothing can be loaded. [any-thread]
    public var isShuttingDown: Bool { isStopping.load(ordering: .relaxed) }

    /// The plugins with a callback that did not return in time. Their threads still run and their memory is kept; a
    /// process with such a plugin should end without running its exit handlers.
    public var givenUp: [String] {
        registry.withLock { $0.alive }.filter { $0.state == .stuck }.map(\.outline.name)
    }

    /// The callbacks that have been running for at least this long, as text: `plugin 'rooms': destroy has been running
    /// for 3.2 s`. Any thread.
    public func callbacks(runningFor milliseconds: Int) -> [String] {
        let now = Clock.monotonicNanoseconds
        return inspectCallbacks().filter { now - $0.since >= Int64(milliseconds) * 1_000_000 }.map {
            "plugin '\($0.plugin.outline.name)': \($0.text(at: now))"
        }
    }

    /// See ``CallbackWatchdog``.
    @discardableResult
    func inspectCallbacks() -> [CallbackWatchdog.Running] {
        watchdog.inspect(registry.withLock { $0.alive }, contexts, slowTime: currentOptions.slowTime)
    }

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

    /// Stops events and requests to the plugins, then waits until their queues are empty and the acks they kept are
    /// sent.
    private func finish(_ plugins: [LoadedPlugin], from start: Int64, until deadline: Int64) {
        for plugin in plugins { router.remove(plugin) }
        // If one loop is held up, this does not wait for it again.
        _ = try? publish(until: start + (deadline - start) / 3)
        let queued = plugins.flatMap(\.allStrands).map { $0.begin { true } }
        for outcome in queued { _ = wait(for: outcome, until: deadline) }
        for plugin in plugins { _ = plugin.isolated?.drain(until: deadline) }
        // Answers from a plugin's own threads usually come at once. An ack that the plugin never sends must not delay
        // shutdown for long.
        let ackLimit = min(deadline, Clock.monotonicNanoseconds + (deadline - start) / 3)
        while plugins.contains(where: { $0.tokens.owesAcks }), Clock.monotonicNanoseconds < ackLimit { usleep(5_000) }
        // Leaves time for the last ack: its token is completed just before the ack is sent.
        usleep(5_000)
    }

    /// Waits until the loops have run what is in these plugins' mailboxes. Does not wait for a loop that is held up.
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

    /// Closes all clients with the reason "server shutting down"; the plugins' socket hooks are still in force.
    private func closeClients(until deadline: Int64) {
        _ = onEveryLoop(until: deadline) { $0.shard.closeAll(reason: .serverShuttingDown) }
    }

    /// Unloads a running plugin; see ``unload(_:)``.
    func retire(_ plugin: LoadedPlugin, until deadline: Int64) -> PluginError? {
        let start = Clock.monotonicNanoseconds
        plugin.state = .stopping
        let isOut = withdraw(plugin)
        let isUncalled = services.withdraw(plugin, until: deadline)
        let isInTime = isOut && isUncalled && end(plugin, until: deadline, afterStop: true)
        let held = isInTime ? nil : inspectCallbacks().first { $0.plugin === plugin }
        abandon(plugin, isStuck: !isInTime)
        if isInTime {
            plugin.log.info("unloaded")
            return nil
        }
        let now = Clock.monotonicNanoseconds
        let reason =
            held.map { ": \($0.text(at: now))" }
            ?? (!isOut
                ? ": an event loop has been held up"
                : isUncalled ? "" : ": another plugin's call of an inline method has not returned")
        let error = plugin.failure(
            .timedOut,
            "did not end within \((now - start) / 1_000_000) ms\(reason); its queue is dropped and its thread is given up"
        )
        logger.error("\(error)")
        return error
    }
}
