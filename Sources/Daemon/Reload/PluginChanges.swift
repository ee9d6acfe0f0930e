import PluginHost

/// What a changed configuration does to the plugins and bound libraries.
///
/// An entry is the same one as an old one if its name is the same, or, without a name, its path. Entries that differ
/// only in `required`, which concerns the start, or in their order, are not loaded again.
struct PluginChanges {
    /// An entry of the new configuration that is loaded.
    struct Load {
        let spec: PluginSpec
        var place: Int
        /// The key of the entry, for problems.
        let key: String
        /// The entry of the plan that it replaces, with the name of its plugin if that runs.
        var replaced: (entry: PlannedPlugin, running: String?)?
    }

    /// An entry that the new configuration has not.
    struct Removal {
        let entry: PlannedPlugin
        /// The name of its plugin; `nil` if it does not run.
        let running: String?
    }

    /// All entries of the new configuration.
    var entries: [(spec: PluginSpec, place: Int)] = []
    var loads: [Load] = []
    var removals: [Removal] = []
    /// Entries that have not changed and do not run.
    var idle: [PlannedPlugin] = []

    /// Compares the plan of `host` with the entries of a configuration.
    init(from host: Host, to configuration: Configuration) {
        var old = host.plannedPlugins
        for (index, spec) in configuration.specs.enumerated() {
            let key = configuration.key(ofSpec: index)
            guard let match = Self.match(spec, in: old) else {
                let place = host.newPlace()
                entries.append((spec, place))
                loads.append(Load(spec: spec, place: place, key: key))
                continue
            }
            let entry = old.remove(at: match)
            let running = host.running(place: entry.place)
            entries.append((spec, entry.place))
            if !spec.isLoaded(as: entry.spec) {
                loads.append(Load(spec: spec, place: entry.place, key: key, replaced: (entry, running)))
            } else if running == nil {
                idle.append(entry)
            }
        }
        removals = old.map { Removal(entry: $0, running: host.running(place: $0.place)) }
    }

    /// The index of the entry that `spec` is a new form of.
    private static func match(_ spec: PluginSpec, in old: [PlannedPlugin]) -> Int? {
        if let index = old.firstIndex(where: { $0.spec == spec }) { return index }
        guard spec.name.isEmpty else { return old.firstIndex { $0.name == spec.name } }
        return old.firstIndex { $0.spec.path == spec.path && $0.spec.name.isEmpty }
    }

    /// Makes a replacement of a removal and a load without a name whose plugin turned out to have the same name.
    ///
    /// - Parameter probes: the plugins of ``loads``.
    mutating func pair(_ probes: [Host.ProbedPlugin]) {
        for (index, probe) in probes.enumerated() where loads[index].replaced == nil {
            guard let found = removals.firstIndex(where: { $0.entry.name == probe.name }) else { continue }
            let removal = removals.remove(at: found)
            loads[index].replaced = (removal.entry, removal.running)
            // A new version stays at the place of the running one.
            for entry in entries.indices where entries[entry].place == loads[index].place {
                entries[entry].place = removal.entry.place
            }
            loads[index].place = removal.entry.place
        }
    }

    var isEmpty: Bool { loads.isEmpty && removals.isEmpty }
}

extension PluginSpec {
    /// Whether a running plugin of `other` need not be loaded again for this entry.
    fileprivate func isLoaded(as other: PluginSpec) -> Bool {
        var same = other
        same.required = required
        same.name = name
        return self == same
    }
}
