/// What operators, `/readyz` and `/metrics` see of one plugin. Counters only grow while it is loaded.
public struct PluginStatus: Sendable {
    public var name: String
    public var version: String
    public var path: String
    /// Number of this load within the process, from 1; it distinguishes two loads of the same plugin.
    public var generation: Int
    public var state: PluginState
    /// Callbacks that wait in the queue, and their bytes.
    public var queued: Int
    public var queuedBytes: Int
    /// How long the one that has waited longest has waited, in nanoseconds; 0 if none waits. Precise to some
    /// milliseconds.
    public var oldestWait: Int64
    /// Callbacks refused because the queue was full.
    public var refused: UInt64
    /// Callbacks refused because their socket already had its share of the queue waiting.
    public var refusedForSocket: UInt64
    /// Callbacks refused because their user already had its share of the queue waiting.
    public var refusedForUser: UInt64
    /// Calls refused because the mailbox of a loop was full.
    public var refusedOperations: UInt64
    /// Joins refused because the socket already was in the most rooms allowed.
    public var refusedJoins: UInt64
    /// Events refused because their arguments broke the signature of the handler.
    public var refusedArguments: UInt64
    /// Log lines suppressed because the plugin wrote more than 100 a second.
    public var suppressedLogLines: UInt64
    /// Answers and sockets left out of a result because of its byte limit.
    public var droppedResults: UInt64
    /// Presence watches refused because of a limit.
    public var refusedWatches: UInt64
    /// Callbacks that have run.
    public var handled: UInt64
    /// Time spent in callbacks, in nanoseconds; for inline handlers an estimate from samples.
    public var handlerNanoseconds: Int64
    /// How many callbacks took so long: those of each bucket of ``callbackBounds`` alone, and those that took longer.
    public var callbackTimes: [UInt64]
    /// The errors with which it has answered, by what they answered: `event`, `request`, `decision`, `call`.
    public var errors: [(kind: String, count: UInt64)]
    /// Timed inline callbacks that took longer than ``HostOptions/inlineBudget``.
    public var slowInlineCalls: UInt64
    /// Callbacks on its strand and lanes that took longer than ``HostOptions/slowCallback``.
    public var slowCallbacks: UInt64
    /// How often a plugin of this name was loaded again.
    public var reloads: Int
    /// How often the worker process of an isolated plugin was started again.
    public var restarts: UInt64 = 0
    /// Bytes of memory that the worker process of an isolated plugin uses; `nil` for a plugin in the host's process,
    /// whose memory cannot be told from the host's.
    public var memory: Int?
    /// Tokens kept and not yet completed.
    public var keptTokens: Int
    /// Timers that have not fired, declared ones included.
    public var timers: Int
    /// HTTP responses that are still being written.
    public var streams: Int
    /// Why the plugin says it cannot work; `nil` if it can.
    public var notReady: String?
    /// The worker process; `nil` if the plugin runs in the daemon.
    public var worker: WorkerStatus?
    /// For each event that the plugin declares to emit: how often it was emitted, or would have been, with arguments
    /// that break its signature. Empty if the host does not check.
    public var contractViolations: [(event: String, count: UInt64)]
    /// Services that other plugins can bind now, as in `notifications/1`.
    public var providedServices: [String]
    /// Services that the plugin has bound, each with the plugin that provides it now.
    public var boundServices: [(title: String, provider: String?)]

    /// The upper bounds of ``callbackTimes`` in nanoseconds.
    public static var callbackBounds: [Int64] { CallbackTimes.bounds }
}

/// The state of a plugin's life cycle.
public enum PluginState: UInt8, Sendable {
    /// `jf_plugin_main`, `create` or `start` is running.
    case starting
    /// Its declarations are in force.
    case running
    /// Its declarations are withdrawn; its queued callbacks are being finished.
    case stopping
    /// It has ended, and everything it owned is released.
    case stopped
    /// A callback did not return within its deadline; its thread and memory are abandoned.
    case stuck
}

/// Whether a plugin that is configured or loaded can work.
public struct PluginAvailability: Sendable, Equatable {
    /// The plugin's own name; before that is known, the name of its file.
    public let name: String
    /// Why it cannot work, in a sentence that names the plugin; `nil` if it can.
    public let reason: String?
}

/// The state that operators and `/readyz` see.
extension Host {
    /// The status of each plugin whose declarations are in force, one whose `start` runs included.
    public var status: [PluginStatus] { registry.withLock { $0.plugins }.map(\.status) }

    /// The plugins of the configuration, in its order. [any-thread]
    public var plannedPlugins: [PlannedPlugin] { registry.withLock { $0.planned } }

    /// Why `/readyz` reports failure, one line for each reason; empty if the host is ready.
    public var notReady: [String] {
        guard !isStopping.load(ordering: .relaxed) else { return ["the host is stopping"] }
        let reasons = availability.compactMap(\.reason)
        // The last plugin is in force a moment before sessions are accepted.
        return reasons.isEmpty && isLoading ? ["plugins are loading"] : reasons
    }

    /// Each configured plugin, in that order, then each plugin that was loaded in addition.
    public var availability: [PluginAvailability] {
        let (planned, plugins) = registry.withLock { ($0.planned, $0.plugins) }
        let configured = planned.map { entry in
            if let plugin = plugins.first(where: { $0.name == entry.name && !entry.hasFailed }) {
                return Self.availability(of: plugin)
            }
            return PluginAvailability(name: entry.name, reason: entry.reason)
        }
        return configured
            + plugins.filter { plugin in !planned.contains { $0.name == plugin.name && !$0.hasFailed } }.map {
                Self.availability(of: $0)
            }
    }

    private static func availability(of plugin: LoadedPlugin) -> PluginAvailability {
        let reason: String?
        switch plugin.state {
        case .running:
            reason = (plugin.isolated?.problem ?? plugin.notReady).map { "plugin '\(plugin.name)': \($0)" }
        case .starting: reason = "plugin '\(plugin.name)' is loading"
        case .stopping, .stopped: reason = "plugin '\(plugin.name)' is stopping"
        case .stuck: reason = "plugin '\(plugin.name)' has a callback that did not return, and was given up"
        }
        return PluginAvailability(name: plugin.name, reason: reason)
    }

    /// Counters that belong to no plugin.
    public var statistics: HostStatistics {
        contexts.reduce(into: HostStatistics()) { sum, context in
            sum.unknownEvents += context.unknownEvents.load(ordering: .relaxed)
        }
    }
}

extension PlannedPlugin {
    /// Why a planned plugin that is not in force cannot work.
    fileprivate var reason: String {
        switch phase {
        case .waiting, .loading: "plugin '\(name)' is loading"
        case .failed(let error): "\(error)"
        case .loaded: "plugin '\(name)' was unloaded"
        }
    }
}
