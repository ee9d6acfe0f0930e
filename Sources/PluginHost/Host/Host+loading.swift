import Glibc
import SocketIO
import Support

/// Plugins in.
///
/// A load has a thread of its own, on which it waits for the plugin's strand; so a plugin that blocks holds up nobody.
/// What changes the declarations in force takes its turn on the control thread.
extension Host {
    /// How long a plugin is waited for before the next one is loaded beside it, in nanoseconds.
    private static let patience: Int64 = 1_000_000_000

    /// Says which plugins ``loadPlanned()`` will load. From now on ``isLoading`` and ``availability`` speak of them.
    public func plan(_ specs: [PluginSpec]) {
        registry.withLock { registry in
            registry.planned = specs.map { PlannedPlugin($0) }
            registry.places = specs.count
        }
        setLoading(!specs.isEmpty)
    }

    /// Whether planned plugins are still to come, so that not all hooks that may refuse a connection
    /// are in force. [any-thread]
    public var isLoading: Bool { loading.load(ordering: .acquiring) }

    private func setLoading(_ isLoading: Bool) {
        loading.store(isLoading, ordering: .releasing)
        router.isIncomplete.store(isLoading, ordering: .releasing)
    }

    /// Loads the planned plugins one after the other, in their order. One that takes longer than a second is overtaken:
    /// those after it are loaded beside it. Its hooks come at its place in the order all the same, but what both claim
    /// belongs to the one that was quicker.
    ///
    /// Returns when each of them is in force or has failed, which takes no longer than
    /// ``HostOptions/startDeadline`` and a second for each.
    ///
    /// - Returns: `false` if the host began to stop before.
    /// - Throws: why a plugin that is required has failed; the others may still be loading then.
    public func loadPlanned() async throws(PluginError) -> Bool {
        let failure: PluginError? = await withCheckedContinuation { continuation in
            let end = FirstResult { continuation.resume(returning: $0) }
            Threads.start(name: "jf-loading") { self.loadPlanned(end) }
        }
        if let failure { throw failure }
        return !isStopping.load(ordering: .relaxed)
    }

    private func loadPlanned(_ end: FirstResult<PluginError?>) {
        let specs = registry.withLock { $0.planned.map(\.spec) }
        var loads: [BlockingFuture<Bool>] = []
        for (place, spec) in specs.enumerated() where !end.isKnown && !isStopping.load(ordering: .relaxed) {
            let load = BlockingFuture<Bool>()
            loads.append(load)
            begin(spec, place: place) { result in
                if spec.required, case .failure(let error) = result { end.complete(error) }
                load.fulfil(true)
            }
            _ = load.wait(until: Clock.monotonicNanoseconds + Self.patience)
        }
        for load in loads { _ = load.wait(until: .max) }
        setLoading(false)
        end.complete(nil)
    }

    /// Loads a plugin: finds and checks it, has it `create`, puts its declarations in force and has it `start`.
    ///
    /// A failure is logged, in one line, and changes nothing for anyone else. Call it any time after the loops have
    /// their shards, as often as you like.
    public func load(_ spec: PluginSpec) async throws(PluginError) {
        let result: Result<Void, PluginError> = await withCheckedContinuation { continuation in
            begin(spec, place: nil) { continuation.resume(returning: $0) }
        }
        try result.get()
    }

    // MARK: On a thread of the load's own

    /// - Parameters:
    ///   - place: its index among the planned plugins; `nil`: it is not planned, and comes after all others.
    ///   - completion: called when it is in force or has failed.
    private func begin(
        _ spec: PluginSpec, place: Int?, completion: @escaping @Sendable (Result<Void, PluginError>) -> Void
    ) {
        registry.withLock { $0.loads += 1 }
        Threads.start(name: "jf-load") {
            let result: Result<Void, PluginError>
            do throws(PluginError) {
                self.setPhase(.loading, at: place)
                try self.loadNow(spec, place)
                if place == nil { self.noteLoaded(spec) } else { self.setPhase(.loaded, at: place) }
                result = .success(())
            } catch {
                self.logger.error("\(error)")
                self.setPhase(.failed(error), at: place)
                result = .failure(error)
            }
            self.registry.withLock { $0.loads -= 1 }
            completion(result)
        }
    }

    private func setPhase(_ phase: PlannedPlugin.Phase, at place: Int?) {
        guard let place else { return }
        registry.withLock { $0.planned[place].phase = phase }
    }

    /// A plugin that was not planned came into force: perhaps one that was, and had failed.
    private func noteLoaded(_ spec: PluginSpec) {
        registry.withLock { registry in
            guard let place = registry.planned.firstIndex(where: { $0.spec.path == spec.path }) else { return }
            registry.planned[place].phase = .loaded
        }
    }

    /// Finds the library of an entry, and gives it a number.
    func newPlugin(_ spec: PluginSpec, place: Int? = nil) throws(PluginError) -> LoadedPlugin {
        guard !registry.withLock({ $0.isClosed }) else {
            throw PluginError(.unavailable, plugin: spec.path, path: nil, "the host is stopping")
        }
        let path = try PluginFinder.find(spec.path, in: options.pluginPath)
        return registry.withLock { registry in
            registry.generation += 1
            if place == nil { registry.places += 1 }
            let plugin = LoadedPlugin(
                spec, path: path, generation: registry.generation, place: place ?? registry.places, host: self)
            registry.alive.append(plugin)
            return plugin
        }
    }

    private func loadNow(_ spec: PluginSpec, _ place: Int?) throws(PluginError) {
        let plugin = try newPlugin(spec, place: place)
        let deadline = deadline(in: options.startDeadline)
        do throws(PluginError) {
            plugin.adopt(try step(plugin, .main, until: deadline) { plugin.open() }.get())
            if let place { registry.withLock { $0.planned[place].name = plugin.name } }
            try claim(plugin)
            if let error = try step(plugin, .create, until: deadline, { plugin.create() }) { throw error }
        } catch {
            // What a failed `create` has posted is freed on the strand.
            if error.kind != .timedOut { _ = wait(for: plugin.strand.begin(isLast: true) { true }, until: deadline) }
            abandon(plugin, isStuck: error.kind == .timedOut)
            throw error
        }
        do throws(PluginError) {
            try putInForce(plugin)
            if let error = try step(plugin, .start, until: deadline, { plugin.start() }) { throw error }
        } catch {
            plugin.state = .stopping
            let isOut = onControl { self.withdraw(plugin) }
            let isStuck =
                error.kind == .timedOut || !isOut
                || !end(plugin, until: self.deadline(in: options.stopDeadline), afterStop: false)
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
    func step<Value: Sendable>(
        _ plugin: LoadedPlugin, _ callback: Callback, until deadline: Int64, _ body: @escaping @Sendable () -> Value
    ) throws(PluginError) -> Value {
        if let value = call(plugin, callback, until: deadline, body) { return value }
        let limit =
            isStopping.load(ordering: .relaxed)
            ? "before the host stopped" : "in time: a plugin has \(options.startDeadline) ms to load"
        throw plugin.failure(.timedOut, "\(callback.title) did not return \(limit); its thread is given up")
    }

    /// What two plugins both claim belongs to the first. A claim holds from here on, so that no `create` runs for a
    /// plugin that can not come into force.
    func claim(_ plugin: LoadedPlugin) throws(PluginError) {
        let snapshot = try registry.withLock { registry throws(PluginError) in
            try refuseConflicts(of: plugin, registry)
            registry.claims.append(plugin)
            return registry.snapshot
        }
        let own = plugin.descriptor.namespaces.map(\.name)
        for event in plugin.descriptor.events
        where !own.contains(event.namespace) && !snapshot.declares(event.namespace) {
            plugin.log.warning(
                "event \(event.number): \(event.title): the namespace does not exist (yet); declare it among the plugin's nsps, or in the configuration"
            )
        }
    }

    private func refuseConflicts(of plugin: LoadedPlugin, _ registry: borrowing Registry) throws(PluginError) {
        let (claims, builtins) = (registry.claims, registry.builtins)
        if let other = claims.first(where: { $0.name == plugin.name }) {
            throw plugin.failure(.conflict, "a plugin of this name is loaded from \(other.path); unload it first")
        }
        for event in plugin.descriptor.events where !event.observes {
            let title = "event \(event.number): \(event.title)"
            if builtins.contains(where: {
                $0.name == event.name && ($0.namespace.isEmpty || $0.namespace == event.namespace)
            }) {
                throw plugin.failure(.conflict, "\(title) belongs to the host itself")
            }
            if let owner = claims.first(where: {
                $0.routes.contains { !$0.observes && $0.name == event.name && $0.namespace == event.namespace }
            }) {
                throw plugin.failure(.conflict, "\(title) belongs to plugin '\(owner.name)'")
            }
        }
        for (index, route) in plugin.descriptor.routes.enumerated() {
            let claimant = claims.first {
                $0.descriptor.routes.contains { $0.method == route.method && $0.path.isSameShape(as: route.path) }
            }
            if let owner = claimant.map({ "plugin '\($0.name)'" }) ?? router.owner(of: route.method, route.path) {
                throw plugin.failure(.conflict, "route \(index + 1): \(route.method) \(route.path) belongs to \(owner)")
            }
        }
    }

    func putInForce(_ plugin: LoadedPlugin) throws(PluginError) {
        let result: Result<Void, PluginError> = onControl {
            let isClosed = self.registry.withLock { registry in
                if !registry.isClosed { registry.insert(plugin) }
                return registry.isClosed
            }
            guard !isClosed else { return .failure(plugin.failure(.unavailable, "the host is stopping")) }
            do throws(NamespaceTableError) {
                try self.publish()
            } catch {
                return .failure(plugin.failure(.badDescriptor, "\(error)"))
            }
            self.router.add(plugin.httpRoutes)
            return .success(())
        }
        try result.get()
    }
}

/// Finds out whether plugins can be loaded, for an operator who only asks.
extension Host {
    /// Finds each library, maps it, asks it what it declares and compares that with the others, as ``load(_:)`` would;
    /// creates and starts none.
    ///
    /// For a host that serves nobody: what is mapped stays mapped.
    ///
    /// - Returns: what is wrong, each beside the index of its entry.
    public func check(_ specs: [PluginSpec]) async -> [(index: Int, error: PluginError)] {
        await withCheckedContinuation { continuation in
            Threads.start(name: "jf-check") { continuation.resume(returning: self.checkNow(specs)) }
        }
    }

    private func checkNow(_ specs: [PluginSpec]) -> [(index: Int, error: PluginError)] {
        var problems: [(index: Int, error: PluginError)] = []
        var sound: [LoadedPlugin] = []
        for (index, spec) in specs.enumerated() {
            do throws(PluginError) {
                sound.append(try checkNow(spec))
            } catch {
                problems.append((index, error))
            }
        }
        for plugin in sound { end(check: plugin, isStuck: false) }
        removeImages()
        return problems
    }

    /// Leaves the plugin among those in force, so that the next is compared with it.
    private func checkNow(_ spec: PluginSpec) throws(PluginError) -> LoadedPlugin {
        let plugin = try newPlugin(spec)
        do throws(PluginError) {
            plugin.adopt(try step(plugin, .main, until: deadline(in: options.startDeadline)) { plugin.open() }.get())
            try claim(plugin)
            try putInForce(plugin)
        } catch {
            end(check: plugin, isStuck: error.kind == .timedOut)
            throw error
        }
        return plugin
    }

    private func end(check plugin: LoadedPlugin, isStuck: Bool) {
        onControl { _ = self.withdraw(plugin) }
        abandon(plugin, isStuck: isStuck)
    }
}

extension Host {
    /// Where the private copies of plugins are; made at the first load. `nil`: nowhere, and
    /// they are loaded from memory.
    var imageFolder: ImageFolder? {
        images.withLock { images in
            if let images { return images.folder }
            do throws(ImageFolder.Unavailable) {
                images = (folder: try ImageFolder(in: options.imageFolders ?? ImageFolder.candidates), isRemoved: false)
            } catch {
                images = (folder: nil, isRemoved: false)
                logger.warning(
                    "plugins are loaded from memory, where debuggers do not find them, since no folder can hold copies of them: \(error.problem)"
                )
            }
            return images?.folder
        }
    }

    /// Removes the copies. What is mapped stays mapped.
    public func removeImages() {
        images.withLock { images in
            guard let found = images, !found.isRemoved else { return }
            found.folder?.remove()
            images = (folder: nil, isRemoved: true)
        }
    }
}
