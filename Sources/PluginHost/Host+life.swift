import Glibc
import SocketIO

/// Plugins in and out. Everything private here runs on the control thread, one thing after the other.
extension Host {
    /// Loads a plugin: finds and checks it, has it `create`, puts its declarations in force and has it `start`.
    ///
    /// A failure is logged, in one line, and changes nothing for anyone else. Call it any time after the loops have their shards, as often as you like.
    public func load(_ spec: PluginSpec) async throws(PluginError) {
        let result: Result<Void, PluginError> = await controlled {
            do throws(PluginError) {
                try self.loadNow(spec)
                return .success(())
            } catch {
                self.logger.error("\(error)")
                return .failure(error)
            }
        } orElse: {
            .failure(PluginError(.unavailable, plugin: spec.path, path: nil, "the host is stopping"))
        }
        try result.get()
    }

    /// Takes a plugin out: its declarations first, then what is queued is finished, then it may `stop`, and all it had is undone.
    ///
    /// - Throws: ``PluginError``, of kind `unavailable` if no such plugin is loaded, of kind `timedOut` if it did not come back within
    ///   ``HostOptions/stopDeadline``; then its thread is given up, and everything else is undone all the same.
    public func unload(_ name: String) async throws(PluginError) {
        let result: Result<Void, PluginError> = await controlled {
            guard let plugin = self.registry.withLock({ $0.plugins.first { $0.name == name } }) else {
                return .failure(PluginError(.unavailable, plugin: name, path: nil, "is not loaded"))
            }
            return self.retire(plugin, within: self.options.stopDeadline).map { .failure($0) } ?? .success(())
        } orElse: {
            .failure(PluginError(.unavailable, plugin: name, path: nil, "the host is stopping"))
        }
        try result.get()
    }

    /// Ends what runs, and loads nothing any more: what plugins have accepted is finished and answered; then every client is closed, and the plugins
    /// hear that the server is shutting down; then they are unloaded, the last one first.
    ///
    /// - Parameter deadline: milliseconds. Work that is under way gets three quarters of them, each plugin's way out what is left, or a quarter.
    public func shutdown(deadline: Int) async {
        isStopping.store(true, ordering: .relaxed)
        await controlled {
            let end = Clock.monotonicNanoseconds + Int64(deadline) * 1_000_000
            let plugins = self.registry.withLock { registry in
                registry.isClosed = true
                return registry.plugins
            }
            self.finish(plugins, within: deadline * 3 / 4)
            self.settle(plugins)
            self.closeClients()
            for plugin in plugins.reversed() {
                let left = Int((end - Clock.monotonicNanoseconds) / 1_000_000)
                _ = self.retire(plugin, within: max(left, deadline / 4))
            }
            self.timers.stop()
            self.removeImages()
        } orElse: {}
    }

    /// What runs, and what is stuck or on its way.
    public var status: [PluginStatus] { registry.withLock { $0.plugins }.map(\.status) }

    /// Why `/readyz` should say no, one line for each plugin that cannot work; empty: it can.
    public var notReady: [String] {
        registry.withLock { $0.plugins }.compactMap { plugin in plugin.notReady.map { "plugin '\(plugin.name)': \($0)" } }
    }

    /// Numbers that belong to no plugin.
    public var statistics: HostStatistics {
        contexts.reduce(into: HostStatistics()) { sum, context in
            sum.unknownEvents += context.unknownEvents.load(ordering: .relaxed)
        }
    }

    // MARK: On the control thread

    func controlled<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value, orElse refused: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            let task = StrandTask(run: { continuation.resume(returning: body()) }, drop: { continuation.resume(returning: refused()) })
            if !control.enqueue(task) { continuation.resume(returning: refused()) }
        }
    }

    /// Finds the library of an entry, and gives it a number.
    func newPlugin(_ spec: PluginSpec) throws(PluginError) -> Plugin {
        guard !registry.withLock({ $0.isClosed }) else { throw PluginError(.unavailable, plugin: spec.path, path: nil, "the host is stopping") }
        let path = try PluginFinder.find(spec.path, in: options.pluginPath)
        let generation = registry.withLock { registry in
            registry.generation += 1
            return registry.generation
        }
        return Plugin(spec, path: path, generation: generation, host: self)
    }

    private func loadNow(_ spec: PluginSpec) throws(PluginError) {
        let plugin = try newPlugin(spec)
        do throws(PluginError) {
            plugin.adopt(try step(plugin, "jf_plugin_main") { plugin.open() }.get())
            try refuseConflicts(of: plugin)
            if let error = try step(plugin, "create", { plugin.create() }) { throw error }
        } catch {
            // What a failed `create` has posted is freed on the strand.
            if error.kind != .timedOut { _ = try? step(plugin, "free_context") { true } }
            abandon(plugin, isStuck: error.kind == .timedOut)
            throw error
        }
        do throws(PluginError) {
            try putInForce(plugin)
            if let error = try step(plugin, "start", { plugin.start() }) { throw error }
        } catch {
            plugin.state = .stopping
            let isOut = takeOut(plugin)
            let isStuck = error.kind == .timedOut || !isOut || !end(plugin, until: deadline(in: options.stopDeadline), afterStop: false)
            abandon(plugin, isStuck: isStuck)
            throw error
        }
        plugin.state = .running
        for timer in plugin.descriptor.timers { plugin.arm(timer) }
        plugin.watchReadiness()
        let descriptor = plugin.descriptor
        plugin.log.info(
            "loaded \(descriptor.name) \(descriptor.version) from \(plugin.path): \(descriptor.summary)"
        )
    }

    /// Runs one callback of the plugin's life on its strand.
    func step<Value: Sendable>(_ plugin: Plugin, _ what: String, _ body: @escaping @Sendable () -> Value) throws(PluginError) -> Value {
        guard let value = plugin.strand.run(until: deadline(in: options.startDeadline), body) else {
            throw plugin.failure(.timedOut, "\(what) did not return within \(options.startDeadline) ms; its thread is given up")
        }
        return value
    }

    /// What two plugins both claim belongs to the first.
    func refuseConflicts(of plugin: Plugin) throws(PluginError) {
        let (plugins, builtins, snapshot) = registry.withLock { ($0.plugins, $0.builtins, $0.snapshot) }
        if let other = plugins.first(where: { $0.name == plugin.name }) {
            throw plugin.failure(.conflict, "a plugin of this name is loaded from \(other.path); unload it first")
        }
        for event in plugin.descriptor.events where !event.observes {
            let title = "event \(event.number): \(event.title)"
            if builtins.contains(where: { $0.name == event.name && ($0.namespace.isEmpty || $0.namespace == event.namespace) }) {
                throw plugin.failure(.conflict, "\(title) belongs to the host itself")
            }
            if let owner = plugins.first(where: { $0.routes.contains { !$0.observes && $0.name == event.name && $0.namespace == event.namespace } }) {
                throw plugin.failure(.conflict, "\(title) belongs to plugin '\(owner.name)'")
            }
        }
        for (index, route) in plugin.descriptor.routes.enumerated() {
            if let owner = router.owner(of: route.method, route.path) {
                throw plugin.failure(.conflict, "route \(index + 1): \(route.method) \(route.path) belongs to \(owner)")
            }
        }
        let own = plugin.descriptor.namespaces.map(\.name)
        for event in plugin.descriptor.events where !own.contains(event.namespace) && !snapshot.declares(event.namespace) {
            plugin.log.warning("event \(event.number): \(event.title): the namespace does not exist (yet); declare it among the plugin's nsps, or in the configuration")
        }
    }

    func putInForce(_ plugin: Plugin) throws(PluginError) {
        registry.withLock { $0.plugins.append(plugin) }
        do throws(NamespaceTableError) {
            try publish()
        } catch {
            throw plugin.failure(.badDescriptor, "\(error)")
        }
        router.add(plugin.httpRoutes)
    }

    /// - Returns: whether no loop is in an inline callback of the plugin any more.
    @discardableResult
    func takeOut(_ plugin: Plugin) -> Bool {
        router.remove(plugin)
        registry.withLock { $0.plugins.removeAll { $0 === plugin } }
        // A table of fewer declarations, each of which was good before, is good.
        return (try? publish()) ?? true
    }

    /// Makes the declarations of all plugins a snapshot and has every loop adopt it.
    ///
    /// - Returns: when they have; `false` if one did not in time, because something has been holding it up.
    @discardableResult
    func publish() throws(NamespaceTableError) -> Bool {
        let (plugins, builtins, isClosed) = registry.withLock { ($0.plugins, $0.builtins, $0.isClosed) }
        let snapshot = try DispatchSnapshot(namespaces: namespaces, builtins: builtins, plugins: plugins, handsOutEvents: !isClosed)
        registry.withLock { $0.snapshot = snapshot }
        return onEveryLoop { $0.adopt(snapshot) }
    }

    /// Does something on each loop, and waits for them.
    ///
    /// - Returns: `false` if a loop did not come to it in time.
    private func onEveryLoop(_ body: @escaping @Sendable (LoopContext) -> Void) -> Bool {
        let running = contexts.filter { $0.isAttached.load(ordering: .acquiring) }
        let done = running.map { context in
            let outcome = Outcome<Bool>()
            context.perform {
                body(context)
                outcome.fulfil(true)
            }
            return outcome
        }
        // A loop that is busy does it later; waiting longer would only hold up the other plugins.
        let deadline = Clock.monotonicNanoseconds + 5_000_000_000
        return done.reduce(true) { $1.wait(until: deadline) != nil && $0 }
    }

    /// Gives plugins no more work, and waits until what they have is done and what they owe their clients is answered.
    private func finish(_ plugins: [Plugin], within milliseconds: Int) {
        let start = Clock.monotonicNanoseconds
        let deadline = start + Int64(milliseconds) * 1_000_000
        for plugin in plugins { router.remove(plugin) }
        _ = try? publish()
        for strand in plugins.flatMap(\.allStrands) { _ = strand.run(until: deadline) { true } }
        // What a plugin answers from a thread of its own mostly comes at once; who has forgotten an ack must not hold up the end for long.
        let patience = min(deadline, Clock.monotonicNanoseconds + (deadline - start) / 3)
        while plugins.contains(where: { $0.tokens.owesAcks }), Clock.monotonicNanoseconds < patience { usleep(5_000) }
        // Whoever took the last one is about to send it.
        usleep(5_000)
    }

    /// Waits until the loops have done what these plugins have asked of them, at most 5 s.
    private func settle(_ plugins: [Plugin]) {
        let deadline = Clock.monotonicNanoseconds + 5_000_000_000
        let done = plugins.flatMap { plugin in
            contexts.filter { $0.isAttached.load(ordering: .acquiring) }.map { context in
                let outcome = Outcome<Bool>()
                plugin.perform(on: context) { outcome.fulfil(true) }
                return outcome
            }
        }
        for outcome in done { _ = outcome.wait(until: deadline) }
    }

    /// Closes all clients, as the end of the server: their sockets' hooks are still in force.
    private func closeClients() {
        _ = onEveryLoop { $0.shard.closeAll(reason: .serverShuttingDown) }
    }

    /// The whole way out of a running plugin.
    private func retire(_ plugin: Plugin, within milliseconds: Int) -> PluginError? {
        let deadline = deadline(in: milliseconds)
        plugin.state = .stopping
        let isOut = takeOut(plugin)
        let isInTime = isOut && end(plugin, until: deadline, afterStop: true)
        abandon(plugin, isStuck: !isInTime)
        if isInTime {
            plugin.log.info("unloaded")
            return nil
        }
        let error = plugin.failure(.timedOut, "did not come to its end within \(milliseconds) ms; what it had queued is dropped and its thread given up")
        logger.error("\(error)")
        return error
    }

    /// Has a plugin that is out of force finish what is queued, then `stop`, then `destroy`.
    ///
    /// Nothing of the host calls it any more when `destroy` begins: the loops have dropped its declarations, its lanes have ended, its timers are closed, and
    /// `destroy` is the last thing that its strand takes.
    ///
    /// - Returns: `false` if a callback did not return by `deadline`.
    private func end(_ plugin: Plugin, until deadline: Int64, afterStop: Bool) -> Bool {
        // What was queued before, each strand on its own.
        guard plugin.allStrands.allSatisfy({ $0.run(until: deadline) { true } != nil }),
            plugin.lanes.allSatisfy({ $0.run(until: deadline, isLast: true) { true } != nil })
        else { return false }
        let aborts = plugin.pending.close()
        if afterStop, plugin.strand.run(until: deadline, { plugin.stop(aborting: aborts) }) == nil { return false }
        plugin.completeTokens()
        return plugin.strand.run(until: deadline, isLast: true) { plugin.destroy(aborting: afterStop ? [] : aborts) } != nil
    }

    private func deadline(in milliseconds: Int) -> Int64 { Clock.monotonicNanoseconds + Int64(milliseconds) * 1_000_000 }

    /// Gives back what is left of a plugin that is out of force.
    func abandon(_ plugin: Plugin, isStuck: Bool) {
        plugin.state = isStuck ? .stuck : .stopped
        _ = plugin.timers.close()
        _ = plugin.pending.close()
        plugin.completeTokens()
        for strand in plugin.allStrands { strand.close() }
    }
}
