import CoreMetrics
import Glibc
import SocketIO
import Support

/// Loads plugins.
///
/// Each load runs on a thread of its own, which waits for the plugin's strand, so a plugin that blocks delays no other
/// load for long. Changes of the declarations in force run on the control thread.
extension Host {
    /// How long one load runs alone before the next one is started beside it, in nanoseconds.
    private static let overtakeDelay: Int64 = 1_000_000_000

    /// Sets the plugins that ``loadPlanned()`` will load. From now on ``isLoading`` and ``availability`` include them.
    public func plan(_ specs: [PluginSpec]) {
        registry.withLock { registry in
            registry.planned = specs.map { PlannedPlugin($0, place: registry.newPlace()) }
        }
        setLoading(!specs.isEmpty)
    }

    /// Whether planned plugins are not loaded yet, so that not all hooks that may refuse a connection are in force.
    /// [any-thread]
    public var isLoading: Bool { loading.load(ordering: .acquiring) }

    private func setLoading(_ isLoading: Bool) {
        loading.store(isLoading, ordering: .releasing)
        router.isIncomplete.store(isLoading, ordering: .releasing)
    }

    /// Loads the planned plugins one after the other, in their order. If one takes longer than a second, the next ones
    /// are loaded beside it. Its hooks still get its place in the order, but what two plugins claim belongs to the one
    /// that claimed it first.
    ///
    /// Returns when each plugin is in force or has failed: after at most ``HostOptions/startDeadline`` plus one second
    /// for each plugin.
    ///
    /// - Returns: `false` if the host began to stop before.
    /// - Throws: the error of a required plugin that failed; other loads may still be running then.
    public func loadPlanned() async throws(PluginError) -> Bool {
        let failure: PluginError? = await withCheckedContinuation { continuation in
            let end = FirstResult { continuation.resume(returning: $0) }
            Threads.start(name: "jf-loading") { self.loadPlanned(end) }
        }
        if let failure { throw failure }
        return !isStopping.load(ordering: .relaxed)
    }

    private func loadPlanned(_ end: FirstResult<PluginError?>) {
        let entries = registry.withLock { $0.planned }
        var loads: [BlockingFuture<Bool>] = []
        for entry in entries where !end.isKnown && !isStopping.load(ordering: .relaxed) {
            let load = BlockingFuture<Bool>()
            loads.append(load)
            begin(entry.spec, place: entry.place) { result in
                if entry.spec.required, case .failure(let error) = result { end.complete(error) }
                load.fulfil(true)
            }
            _ = load.wait(until: Clock.monotonicNanoseconds + Self.overtakeDelay)
        }
        for load in loads { _ = load.wait(until: .max) }
        setLoading(false)
        end.complete(nil)
    }

    /// Loads a plugin: finds and checks it, calls `create`, puts its declarations in force and calls `start`.
    ///
    /// A failure is logged in one line and affects no other plugin. May be called at any time after the loops have
    /// their shards, as often as needed.
    @discardableResult
    public func load(_ spec: PluginSpec) async throws(PluginError) -> PluginStatus {
        let result = await withCheckedContinuation { continuation in
            begin(spec, place: nil) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Loads one of ``plannedPlugins`` after it has failed or was unloaded. Its hooks get their place in the order of
    /// the configuration again.
    ///
    /// - Parameters:
    ///   - place: that of the entry.
    ///   - config: replaces the configuration of the plan for this load; `nil`: does not.
    @discardableResult
    public func load(planned place: Int, config: [UInt8]? = nil) async throws(PluginError) -> PluginStatus {
        let spec = registry.withLock { registry in registry.index(ofPlace: place).map { registry.planned[$0].spec } }
        guard var spec else {
            throw PluginError(
                .unavailable, plugin: "\(place)", path: nil, "is not in the configuration any more; name its path")
        }
        if let config { spec.config = config }
        return try await load(spec, at: place)
    }

    /// Loads a plugin for an entry of the plan, or of the next plan; see ``replan(_:)``.
    ///
    /// - Parameter place: that of the entry, or one of ``newPlace()``.
    @discardableResult
    public func load(_ spec: PluginSpec, at place: Int) async throws(PluginError) -> PluginStatus {
        let result = await withCheckedContinuation { continuation in
            begin(spec, place: place, isAgain: true) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    // MARK: On the thread of the load

    /// - Parameters:
    ///   - place: that of its entry in the plan; `nil`: not planned, it gets one after all others.
    ///   - isAgain: whether the planned plugin was loaded or has failed before. A running plugin of the same name then
    ///     stays the one of this place if the load fails.
    ///   - completion: called when it is in force or has failed.
    private func begin(
        _ spec: PluginSpec, place: Int?, isAgain: Bool = false,
        completion: @escaping @Sendable (Result<PluginStatus, PluginError>) -> Void
    ) {
        registry.withLock { $0.loads += 1 }
        Threads.start(name: "jf-load") {
            let result: Result<PluginStatus, PluginError>
            do throws(PluginError) {
                if !isAgain { self.setPhase(.loading, at: place) }
                let plugin = try self.loadNow(spec, place)
                if place == nil { self.noteLoaded(spec) } else { self.setPhase(.loaded, at: place) }
                result = .success(plugin.status)
            } catch {
                self.logger.error("\(error)")
                if !isAgain || !self.isClaimed(place) { self.setPhase(.failed(error), at: place) }
                result = .failure(error)
            }
            self.registry.withLock { $0.loads -= 1 }
            completion(result)
        }
    }

    private func setPhase(_ phase: PlannedPlugin.Phase, at place: Int?) {
        guard let place else { return }
        registry.withLock { registry in
            if let index = registry.index(ofPlace: place) { registry.planned[index].phase = phase }
        }
    }

    /// Whether a plugin has the name of the planned one at `place`.
    private func isClaimed(_ place: Int?) -> Bool {
        guard let place else { return false }
        return registry.withLock { registry in
            guard let index = registry.index(ofPlace: place) else { return false }
            return registry.claims.contains { $0.name == registry.planned[index].name }
        }
    }

    /// Updates the planned entry that had failed, if this unplanned load is of the same path and name.
    private func noteLoaded(_ spec: PluginSpec) {
        registry.withLock { registry in
            guard
                let index = registry.planned.firstIndex(where: {
                    $0.spec.path == spec.path && $0.spec.name == spec.name
                })
            else { return }
            registry.planned[index].phase = .loaded
        }
    }

    /// Finds the library of an entry, and assigns a generation and a place.
    func newPlugin(_ spec: PluginSpec, place: Int? = nil) throws(PluginError) -> LoadedPlugin {
        guard !registry.withLock({ $0.isClosed }) else {
            throw PluginError(.unavailable, plugin: spec.path, path: nil, "the host is stopping")
        }
        let path =
            switch spec.kind {
            case .plugin: try PluginFinder.find(spec.path, in: currentOptions.pluginPath)
            // The dynamic linker finds it.
            case .library: spec.path
            }
        return registry.withLock { registry in
            registry.generation += 1
            let plugin = LoadedPlugin(
                spec, path: path, generation: registry.generation, place: place ?? registry.newPlace(), host: self)
            registry.alive.append(plugin)
            return plugin
        }
    }

    private func loadNow(_ spec: PluginSpec, _ place: Int?) throws(PluginError) -> LoadedPlugin {
        let plugin = try newPlugin(spec, place: place)
        let start = Clock.monotonicNanoseconds
        let deadline = deadline(in: currentOptions.startDeadline)
        do throws(PluginError) {
            plugin.adopt(try step(plugin, .main, until: deadline) { plugin.open() }.get())
            if let place {
                registry.withLock { registry in
                    if let index = registry.index(ofPlace: place) { registry.planned[index].name = plugin.name }
                }
            }
            try claim(plugin)
            if let error = try step(plugin, .create, until: deadline, { plugin.create() }) { throw error }
        } catch {
            // Lets the strand free what a failed `create` has posted.
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
                || !end(plugin, until: self.deadline(in: currentOptions.stopDeadline), afterStop: false)
            abandon(plugin, isStuck: isStuck)
            throw error
        }
        services.provide(plugin)
        // The host may have begun to stop during `start`.
        guard plugin.run() else { throw plugin.failure(.unavailable, "the host stopped while it started") }
        registry.withLock { $0.countLoad(of: plugin) }
        plugin.armTimers()
        plugin.watchReadiness()
        Gauge(label: "jackfield_plugin_load_seconds", dimensions: [("plugin", plugin.name)])
            .record(Double(Clock.monotonicNanoseconds - start) / 1e9)
        let descriptor = plugin.descriptor
        plugin.log.info(
            "loaded \(descriptor.name)\(descriptor.version.isEmpty ? "" : " \(descriptor.version)") from \(plugin.path): \(descriptor.summary)"
        )
        return plugin
    }

    /// Runs one life cycle callback of the plugin on its strand; throws if it does not return in time.
    func step<Value: Sendable>(
        _ plugin: LoadedPlugin, _ callback: Callback, until deadline: Int64, _ body: @escaping @Sendable () -> Value
    ) throws(PluginError) -> Value {
        if let value = call(plugin, callback, until: deadline, body) { return value }
        let limit =
            isStopping.load(ordering: .relaxed)
            ? "before the host stopped" : "in time: a plugin has \(currentOptions.startDeadline) ms to load"
        throw plugin.failure(.timedOut, "\(callback.title) did not return \(limit); its thread is given up")
    }

    /// Claims the plugin's name, events and routes. Fails if another plugin or the host has claimed one of them. The
    /// claims hold from here on, before `create`, so that `create` does not run for a plugin that cannot come into
    /// force.
    ///
    /// - Parameter running: the version that `plugin` is to replace, and whose claims it may repeat.
    func claim(_ plugin: LoadedPlugin, replacing running: LoadedPlugin? = nil) throws(PluginError) {
        let (snapshot, declared) = try registry.withLock { registry throws(PluginError) in
            let others = registry.claims.filter { $0 !== running }
            try refuseConflicts(of: plugin, claims: others, builtins: registry.builtins)
            registry.claims.append(plugin)
            let claims = others + [plugin]
            return (registry.snapshot, registry.builtinDeclarations + claims.flatMap(\.declaredEvents))
        }
        for conflict in EmitConflict.all(in: declared) where conflict.second.plugin == ByteString(plugin.name) {
            plugin.log.warning(
                "\(conflict); clients have one type for an event: give both the same signature, or one another name")
        }
        let own = plugin.descriptor.namespaces.map(\.name)
        for event in plugin.descriptor.events
        where !own.contains(event.namespace) && !snapshot.declares(event.namespace) {
            plugin.log.warning(
                "\(event.place): \(event.title): the namespace does not exist (yet); declare it among the plugin's nsps, or in the configuration"
            )
        }
    }

    /// - Parameters:
    ///   - claims: the plugins that own what they have claimed.
    ///   - builtins: the host's own events.
    func refuseConflicts(
        of plugin: LoadedPlugin, claims: [LoadedPlugin], builtins: [EventRoute]
    ) throws(PluginError) {
        if let other = claims.first(where: { $0.name == plugin.name }) {
            throw plugin.failure(
                .conflict,
                "a plugin of this name is loaded from \(other.path); give one of them another name with `name:`")
        }
        for event in plugin.descriptor.events where !event.observes {
            let title = "\(event.place): \(event.title)"
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
        for service in plugin.descriptor.services {
            if let owner = claims.first(where: {
                $0.descriptor.services.contains { $0.name == service.name && $0.major == service.major }
            }) {
                throw plugin.failure(
                    .conflict, "service '\(service.name)' \(service.major) is provided by plugin '\(owner.name)'")
            }
        }
        for (index, route) in plugin.descriptor.routes.enumerated() {
            let claimant = claims.first {
                $0.descriptor.routes.contains { $0.method == route.method && $0.path.isSameShape(as: route.path) }
            }
            if let owner = claimant.map({ "plugin '\($0.name)'" }) ?? router.builtinOwner(of: route.method, route.path)
            {
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

/// Checks plugins without running them, for operators.
extension Host {
    /// Finds and maps each library, reads its descriptor and checks it for conflicts with the others, as ``load(_:)``
    /// does; calls neither `create` nor `start`.
    ///
    /// For a process that serves no clients: the libraries stay mapped.
    ///
    /// - Returns: the errors, each with the index of its entry.
    public func check(_ specs: [PluginSpec]) async -> [(index: Int, error: PluginError)] {
        await inspect(specs).problems
    }

    /// The same as ``check(_:)``, and the events that clients of a host with these plugins may send and receive.
    ///
    /// - Returns: the events of the sound plugins, and of the daemon itself; the errors, each with the index of its
    ///   entry.
    public func inspect(_ specs: [PluginSpec]) async -> (
        events: [DeclaredEvent], problems: [(index: Int, error: PluginError)]
    ) {
        await withCheckedContinuation { continuation in
            Threads.start(name: "jf-check") { continuation.resume(returning: self.inspectNow(specs)) }
        }
    }

    private func inspectNow(_ specs: [PluginSpec]) -> (
        events: [DeclaredEvent], problems: [(index: Int, error: PluginError)]
    ) {
        var problems: [(index: Int, error: PluginError)] = []
        var sound: [LoadedPlugin] = []
        for (index, spec) in specs.enumerated() {
            do throws(PluginError) {
                sound.append(try checkNow(spec))
            } catch {
                problems.append((index, error))
            }
        }
        let events = declaredEvents
        for plugin in sound { end(check: plugin, isStuck: false) }
        removeImages()
        return (events, problems)
    }

    /// Leaves the plugin in force, so that the next ones are checked for conflicts with it.
    private func checkNow(_ spec: PluginSpec) throws(PluginError) -> LoadedPlugin {
        let plugin = try newPlugin(spec)
        do throws(PluginError) {
            plugin.adopt(
                try step(plugin, .main, until: deadline(in: currentOptions.startDeadline)) { plugin.open() }.get())
            try claim(plugin)
            try putInForce(plugin)
        } catch {
            end(check: plugin, isStuck: error.kind == .timedOut)
            throw error
        }
        return plugin
    }

    func end(check plugin: LoadedPlugin, isStuck: Bool) {
        onControl { _ = self.withdraw(plugin) }
        abandon(plugin, isStuck: isStuck)
    }
}

extension Host {
    /// The folder with the private copies of plugins, made at the first load. `nil` if none could be made: plugins are
    /// then loaded from memory.
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

    /// The folder in which each worker gets its working folder; `nil` if there is none.
    var workerFolder: String? {
        if let folder = options.workerFolder {
            // Each worker's own folder is made with its process.
            var path = folder.hasPrefix("/") ? "/" : ""
            for part in folder.split(separator: "/") {
                path += part + "/"
                mkdir(path, 0o755)
            }
            return folder
        }
        // Removed with the copies of plugins.
        return imageFolder?.path
    }

    /// Removes the copies. Mapped images stay mapped.
    public func removeImages() {
        images.withLock { images in
            guard let found = images, !found.isRemoved else { return }
            found.folder?.remove()
            images = (folder: nil, isRemoved: true)
        }
    }
}
