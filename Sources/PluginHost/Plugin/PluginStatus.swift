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
