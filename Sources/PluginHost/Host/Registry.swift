import Support

/// The plugins of a host, and their declarations. Guarded by the host's lock.
struct Registry {
    /// The declarations in force. Changed on the control thread.
    var snapshot: DispatchSnapshot
    /// Events that the daemon itself handles.
    var builtins: [EventRoute] = []
    /// What clients may know of ``builtins``, and the events that the daemon sends.
    var builtinDeclarations: [DeclaredEvent] = []
    /// The plugins whose declarations are in force, in the order of ``order(of:)``. Changed on the control thread.
    var plugins: [LoadedPlugin] = []
    /// ``plugins``, those whose `create` runs, and those that are stopping: their claims hold. Ordered by time of
    /// claim.
    var claims: [LoadedPlugin] = []
    /// The plugins that are being reloaded, and whose clients' callbacks are held. Changed on the control thread.
    var holds: [PluginHold] = []
    /// Names of plugins that are being reloaded, held or not.
    var reloading: Set<String> = []
    /// Every plugin whose code may be running: ``claims``, those being loaded, and those abandoned as stuck.
    var alive: [LoadedPlugin] = []
    /// The configured plugins, in the configuration's order.
    var planned: [PlannedPlugin] = []
    /// Whether some of ``planned`` are still to be loaded.
    var isLoading = false
    /// Number of loads so far.
    var generation = 0
    /// The next number for ``PlannedPlugin/place``.
    var places = 0
    /// Successful loads of each name. Every load keeps its library mapped for ever, so this is the smaller part of its
    /// cost.
    var loadsOfName: [ByteString: Int] = [:]
    /// Loads that are running.
    var loads = 0
    /// Whether the host is stopping: nothing is loaded any more.
    var isClosed = false

    init(snapshot: DispatchSnapshot) {
        self.snapshot = snapshot
    }

    /// Counts a plugin that has come into force.
    mutating func countLoad(of plugin: LoadedPlugin) { loadsOfName[ByteString(plugin.name), default: 0] += 1 }

    /// Inserts a plugin at its place.
    mutating func insert(_ plugin: LoadedPlugin) {
        let order = order(of: plugin.place)
        let index = plugins.firstIndex { self.order(of: $0.place) > order } ?? plugins.endIndex
        plugins.insert(plugin, at: index)
    }

    /// Replaces a plugin by its new version, at the same place.
    mutating func replace(_ plugin: LoadedPlugin, by successor: LoadedPlugin) {
        plugins = plugins.map { $0 === plugin ? successor : $0 }
    }

    /// The index in ``planned`` of the entry with this place; `nil` if it is not, or not any more, planned.
    func index(ofPlace place: Int) -> Int? { planned.firstIndex { $0.place == place } }

    /// Orders plugins: those that are planned as in the plan, then the others by the time of their loads.
    func order(of place: Int) -> Int { index(ofPlace: place) ?? planned.count + place }

    mutating func newPlace() -> Int {
        defer { places += 1 }
        return places
    }

    /// Removes a plugin that has ended; a stuck one stays in ``alive``.
    mutating func forget(_ plugin: LoadedPlugin, isStuck: Bool) {
        claims.removeAll { $0 === plugin }
        if !isStuck { alive.removeAll { $0 === plugin } }
    }
}

/// A plugin that the configuration names, and the state of its load. In the registry, guarded by its lock.
public struct PlannedPlugin: Sendable {
    public enum Phase: Sendable {
        /// Its load has not begun.
        case waiting
        /// Its load is between `dlopen` and the end of `start`.
        case loading
        case failed(PluginError)
        /// It was put in force once. ``Host/status`` tells whether it still is.
        case loaded
    }

    public internal(set) var spec: PluginSpec
    /// Identifies the entry, also in later plans: its index is another one when the plan has changed.
    public let place: Int
    /// Until its descriptor is read: the entry's name, or that of its file.
    public internal(set) var name: String
    public internal(set) var phase = Phase.waiting

    public var hasFailed: Bool { if case .failed = phase { true } else { false } }

    init(_ spec: PluginSpec, place: Int) {
        self.spec = spec
        self.place = place
        name = spec.name.isEmpty ? PluginFinder.name(of: spec.path) : spec.name
    }
}
