import PluginHost

/// Loads, replaces and unloads plugins for a changed configuration, and can take it back.
struct PluginTransaction {
    private enum Step {
        case loaded(name: String)
        case unloaded(PlannedPlugin)
        /// By a new version, which took over its state.
        case reloaded(PlannedPlugin, name: String)
        /// Unloaded, so that another one of the same name could be loaded.
        case replaced(PlannedPlugin, name: String)
    }

    private let host: PluginHost.Host
    private var steps: [Step] = []
    /// What was done.
    private(set) var done: [ReloadReport.PluginChange] = []
    /// What went wrong and did not matter.
    private(set) var notes: [String] = []

    init(_ host: PluginHost.Host) {
        self.host = host
    }

    /// Carries out the changes: first the removals, since a new plugin may claim what a removed one has, then the loads
    /// in the order of the configuration. Stops at the first plugin that cannot be loaded; the caller then calls
    /// ``undo()``.
    ///
    /// - Parameter plugins: those of ``PluginChanges/loads``.
    mutating func carryOut(
        _ changes: PluginChanges, _ plugins: [PluginHost.Host.ProbedPlugin]
    ) async throws(PluginError) {
        for removal in changes.removals {
            guard let name = removal.running else { continue }
            await unload(name)
            steps.append(.unloaded(removal.entry))
            done.append(.init(name: name, kind: .unloaded))
        }
        for (load, plugin) in zip(changes.loads, plugins) {
            guard let (entry, running) = load.replaced, let running else {
                try await host.load(load.spec, at: load.place)
                steps.append(.loaded(name: plugin.name))
                done.append(.init(name: plugin.name, kind: .loaded))
                continue
            }
            if plugin.isNewVersion {
                let report = try await host.reload(running, spec: load.spec)
                if let leftover = report.leftover { notes.append("\(leftover)") }
                steps.append(.reloaded(entry, name: running))
            } else {
                steps.append(.replaced(entry, name: plugin.name))
                await unload(running)
                try await host.load(load.spec, at: load.place)
            }
            done.append(.init(name: plugin.name, kind: .reloaded))
        }
    }

    /// Puts back what ``carryOut(_:names:)`` has changed, the last change first.
    ///
    /// - Returns: what could not be put back, one line each. A plugin that was unloaded begins again without its state.
    mutating func undo() async -> [String] {
        var problems: [String] = []
        for step in steps.reversed() {
            do throws(PluginError) {
                switch step {
                case .loaded(let name): await unload(name)
                case .unloaded(let entry): try await host.load(entry.spec, at: entry.place)
                case .reloaded(let entry, let name): _ = try await host.reload(name, spec: entry.spec)
                case .replaced(let entry, let name):
                    if host.status.contains(where: { $0.name == name }) { await unload(name) }
                    try await host.load(entry.spec, at: entry.place)
                }
            } catch {
                problems.append("plugin '\(error.plugin)' could not be put back: \(error)")
            }
        }
        return problems
    }

    /// A plugin that does not end in time is given up, so its name and its declarations are free all the same.
    private mutating func unload(_ name: String) async {
        do throws(PluginError) {
            try await host.unload(name)
        } catch {
            notes.append("\(error)")
        }
    }
}

extension PluginChanges {
    /// What ``PluginTransaction`` would do.
    func report(_ plugins: [Host.ProbedPlugin]) -> [ReloadReport.PluginChange] {
        removals.compactMap { removal in removal.running.map { .init(name: $0, kind: .unloaded) } }
            + zip(loads, plugins).map { .init(name: $1.name, kind: $0.replaced?.running == nil ? .loaded : .reloaded) }
    }
}
