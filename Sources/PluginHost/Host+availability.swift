/// What operators and `/readyz` are told.
extension Host {
    /// What runs, and what is stuck or on its way.
    public var status: [PluginStatus] { registry.withLock { $0.plugins }.map(\.status) }

    /// Why `/readyz` should say no, one line for each reason; empty: it can say yes.
    public var notReady: [String] {
        isStopping.load(ordering: .relaxed) ? ["the host is stopping"] : availability.compactMap(\.reason)
    }

    /// Each plugin that is configured, in that order, then each that was loaded beside them.
    public var availability: [PluginAvailability] {
        let (planned, plugins) = registry.withLock { ($0.planned, $0.plugins) }
        let configured = planned.map { entry in
            if let plugin = plugins.first(where: { $0.name == entry.name && !entry.isFailed }) { return Self.availability(of: plugin) }
            return PluginAvailability(name: entry.name, reason: entry.reason)
        }
        return configured + plugins.filter { plugin in !planned.contains { $0.name == plugin.name && !$0.isFailed } }.map { Self.availability(of: $0) }
    }

    private static func availability(of plugin: LoadedPlugin) -> PluginAvailability {
        let reason: String?
        switch plugin.state {
        case .running: reason = plugin.notReady.map { "plugin '\(plugin.name)': \($0)" }
        case .starting: reason = "plugin '\(plugin.name)' is loading"
        case .stopping, .stopped: reason = "plugin '\(plugin.name)' is stopping"
        case .stuck: reason = "plugin '\(plugin.name)' did not come back from a callback and was given up"
        }
        return PluginAvailability(name: plugin.name, reason: reason)
    }

    /// Numbers that belong to no plugin.
    public var statistics: HostStatistics {
        contexts.reduce(into: HostStatistics()) { sum, context in
            sum.unknownEvents += context.unknownEvents.load(ordering: .relaxed)
        }
    }
}

extension PlannedPlugin {
    fileprivate var isFailed: Bool { if case .failed = phase { true } else { false } }

    /// Why it cannot work, where it is not in force.
    fileprivate var reason: String {
        switch phase {
        case .waiting, .loading: "plugin '\(name)' is loading"
        case .failed(let error): "\(error)"
        case .loaded: "plugin '\(name)' was unloaded"
        }
    }
}
