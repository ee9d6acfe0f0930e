/// What an operator, `/readyz` and `/metrics` see of one plugin. Counters only grow while it is loaded.
public struct PluginStatus: Sendable {
    public var name: String
    public var version: String
    public var path: String
    /// Which load of the process this is, from 1: tells two generations of one plugin apart.
    public var generation: Int
    public var state: PluginState
    /// Callbacks that wait, and their bytes.
    public var queued: Int
    public var queuedBytes: Int
    /// Callbacks that found the queue full.
    public var refused: UInt64
    /// Callbacks refused because their socket had its share of the queue waiting.
    public var refusedForSocket: UInt64
    /// Callbacks refused because their user had its share of the queue waiting.
    public var refusedForUser: UInt64
    /// Calls that found the mailbox of a loop full.
    public var refusedOperations: UInt64
    /// Joins that found their socket in as many rooms as it may be.
    public var refusedJoins: UInt64
    /// Lines of the log beyond 100 a second.
    public var leftOutLogLines: UInt64
    /// Answers and sockets that found no room in a result.
    public var leftOutResults: UInt64
    /// Users whose presence could not be watched for a limit.
    public var refusedWatches: UInt64
    /// Callbacks done.
    public var handled: UInt64
    /// Time spent in callbacks, in nanoseconds; of inline handlers, an estimate from samples.
    public var handlerNanoseconds: Int64
    /// Timed inline callbacks that took longer than ``HostOptions/inlineBudget``.
    public var slowInlineCalls: UInt64
    /// Tokens kept and not completed.
    public var keptTokens: Int
    /// Timers that have not fired, declared ones included.
    public var timers: Int
    /// HTTP responses being written.
    public var streams: Int
    /// Why it is not able to work, in its own words; `nil`: it is.
    public var notReady: String?
}

/// Where a plugin is in its life.
public enum PluginState: UInt8, Sendable {
    /// `jf_plugin_main`, `create` and `start` are under way.
    case starting
    /// Its declarations are in force.
    case running
    /// Its declarations are out; what was queued is being finished.
    case stopping
    /// It is gone, all of it undone.
    case stopped
    /// It did not come back from a callback within its deadline; its thread and its memory are given up.
    case stuck
}

/// Whether a plugin that is configured, or loaded, can work.
public struct PluginAvailability: Sendable, Equatable {
    /// The name it gave itself; before that is known, the one of its file.
    public let name: String
    /// Why it cannot, in a sentence that names it; `nil`: it can.
    public let reason: String?
}

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
            if let plugin = plugins.first(where: { $0.name == entry.name && !entry.isFailed }) {
                return Self.availability(of: plugin)
            }
            return PluginAvailability(name: entry.name, reason: entry.reason)
        }
        return configured
            + plugins.filter { plugin in !planned.contains { $0.name == plugin.name && !$0.isFailed } }.map {
                Self.availability(of: $0)
            }
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
