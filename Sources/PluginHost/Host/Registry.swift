/// What is loaded. Guarded by the host's lock.
struct Registry {
    /// The declarations in force. Changed by the control thread.
    var snapshot: DispatchSnapshot
    /// Events that the daemon handles itself.
    var builtins: [EventRoute] = []
    /// Those in force or on their way out, by place. Changed by the control thread.
    var plugins: [LoadedPlugin] = []
    /// Those, and the ones whose claims hold while their `create` runs, in the order in which they claimed.
    var claims: [LoadedPlugin] = []
    /// Those, and the ones that are being loaded, and those that were given up: every plugin whose code may be running.
    var alive: [LoadedPlugin] = []
    /// What the configuration names, in its order.
    var planned: [PlannedPlugin] = []
    /// Whether some of ``planned`` are still to be loaded.
    var isLoading = false
    /// Loads so far.
    var generation = 0
    /// Places given out so far; see ``LoadedPlugin/place``.
    var places = 0
    /// Loads under way.
    var loads = 0
    /// Whether the host is stopping: nothing is loaded any more.
    var isClosed = false

    init(snapshot: DispatchSnapshot) {
        self.snapshot = snapshot
    }

    /// Inserts a plugin that comes into force at its place.
    mutating func insert(_ plugin: LoadedPlugin) {
        let index = plugins.firstIndex { $0.place > plugin.place } ?? plugins.endIndex
        plugins.insert(plugin, at: index)
    }

    /// Withdraws everything of a plugin that has ended.
    mutating func forget(_ plugin: LoadedPlugin, isStuck: Bool) {
        claims.removeAll { $0 === plugin }
        if !isStuck { alive.removeAll { $0 === plugin } }
    }
}

/// A plugin that the configuration names, and what became of it. Guarded by the registry's lock.
struct PlannedPlugin {
    enum Phase {
        /// The ones before it come first.
        case waiting
        /// On its way from `dlopen` to the end of `start`.
        case loading
        case failed(PluginError)
        /// It came into force once; whether it still is, the registry's plugins tell.
        case loaded
    }

    let spec: PluginSpec
    var name: String
    var phase = Phase.waiting

    init(_ spec: PluginSpec) {
        self.spec = spec
        name = spec.name.isEmpty ? PluginFinder.name(of: spec.path) : spec.name
    }
}
