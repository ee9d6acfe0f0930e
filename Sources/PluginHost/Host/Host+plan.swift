import Support

/// Changes of the plan while the host runs, for a configuration that was changed.
extension Host {
    /// A place for an entry of the next plan. [any-thread]
    public func newPlace() -> Int { registry.withLock { $0.newPlace() } }

    /// The name of the plugin that was loaded for the entry with this place, and runs; `nil` if none does. [any-thread]
    public func running(place: Int) -> String? {
        registry.withLock { registry in registry.plugins.first { $0.place == place && $0.isInForce }?.name }
    }

    /// The file that a load of `spec` reads: its path, or the file that its name is found at; `nil` if there is none.
    /// Blocks on the file system.
    public func file(of spec: PluginSpec) -> String? {
        spec.path.contains("/") ? spec.path : try? PluginFinder.find(spec.path, in: currentOptions.pluginPath)
    }

    /// What a changed plan loads.
    public struct PlannedLoad: Sendable {
        public let spec: PluginSpec
        /// The name of the running plugin that this one replaces; `nil`: none.
        public let replaces: String?

        public init(_ spec: PluginSpec, replacing name: String? = nil) {
            self.spec = spec
            replaces = name
        }
    }

    /// What a probe has found in a library.
    public struct ProbedPlugin: Sendable {
        /// Its name in the host.
        public let name: String
        /// Whether ``reload(_:spec:)`` can put it in the place of the running plugin of this name.
        public let isNewVersion: Bool
    }

    /// Finds and maps the library of each load, reads its descriptor, and checks it for conflicts with the host, with
    /// the plugins that stay, and with the loads before it. Calls neither `create` nor `start`, and puts nothing in
    /// force.
    ///
    /// The libraries stay mapped, as all images do; a following load maps another copy.
    ///
    /// - Parameter removing: the names of the plugins that end, beside those that are replaced.
    /// - Returns: each plugin, or why it cannot be loaded, in the order of `loads`.
    public func probe(
        _ loads: [PlannedLoad], removing: [String]
    ) async -> [Result<ProbedPlugin, PluginError>] {
        await withCheckedContinuation { continuation in
            Threads.start(name: "jf-check") { continuation.resume(returning: self.probeNow(loads, removing)) }
        }
    }

    private func probeNow(_ loads: [PlannedLoad], _ removing: [String]) -> [Result<ProbedPlugin, PluginError>] {
        let ending = removing + loads.compactMap(\.replaces)
        let (running, builtins) = registry.withLock { ($0.claims, $0.builtins) }
        var claims = running.filter { !ending.contains($0.name) }
        var probes: [LoadedPlugin] = []
        let results = loads.map { load in
            Result<ProbedPlugin, PluginError> { () throws(PluginError) in
                let plugin = try probe(load.spec)
                probes.append(plugin)
                try refuseConflicts(of: plugin, claims: claims, builtins: builtins)
                claims.append(plugin)
                let running = running.first { $0.name == plugin.name }
                return ProbedPlugin(
                    name: plugin.name, isNewVersion: running.map { plugin.isNewVersion(of: $0) } ?? false)
            }
        }
        for plugin in probes { abandon(plugin, isStuck: false) }
        return results
    }

    /// Maps a library and reads its descriptor. The caller abandons the plugin.
    private func probe(_ spec: PluginSpec) throws(PluginError) -> LoadedPlugin {
        let plugin = try newPlugin(spec)
        do throws(PluginError) {
            let deadline = deadline(in: currentOptions.startDeadline)
            plugin.adopt(try step(plugin, .main, until: deadline) { plugin.open() }.get())
            return plugin
        } catch {
            abandon(plugin, isStuck: error.kind == .timedOut)
            throw error
        }
    }

    /// Replaces the plan by entries with these specs and places, and orders the hooks of the running plugins by it. An
    /// entry whose place is in the old plan keeps its name and phase; one with a new place counts as loaded.
    public func replan(_ entries: [(spec: PluginSpec, place: Int)]) {
        let isSame = registry.withLock { registry in
            registry.planned.elementsEqual(entries) { $0.spec == $1.spec && $0.place == $1.place }
        }
        guard !isSame else { return }
        onControl {
            self.registry.withLock { registry in
                registry.planned = entries.map { spec, place in
                    var entry = PlannedPlugin(spec, place: place)
                    if let index = registry.index(ofPlace: place) {
                        entry.name = registry.planned[index].name
                        entry.phase = registry.planned[index].phase
                    } else {
                        entry.phase = .loaded
                    }
                    if let plugin = registry.plugins.first(where: { $0.place == place }) { entry.name = plugin.name }
                    return entry
                }
                let plugins = registry.plugins
                registry.plugins = []
                for plugin in plugins { registry.insert(plugin) }
            }
            // Cannot throw: another order of valid declarations is valid.
            _ = try? self.publish()
        }
    }
}

extension LoadedPlugin {
    /// Whether a reload can put it in the place of `running`.
    fileprivate func isNewVersion(of running: LoadedPlugin) -> Bool {
        guard case .plugin = spec.kind, case .plugin = running.spec.kind else { return false }
        return declaredName == running.declaredName && spec.isolation == running.spec.isolation
    }
}
