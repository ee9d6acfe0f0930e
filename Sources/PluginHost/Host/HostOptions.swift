import Glibc

/// The limits of the plugin host. Every one of them has a counter or an error for what it refuses.
public struct HostOptions: Sendable {
    /// Where a plugin named without a slash is looked for, in this order.
    public var pluginPath: [String] = []
    /// Folders in which the host may make one for its private copies of plugins; `nil`:
    /// ``ImageFolder/candidates``, the temporary folders.
    public var imageFolders: [String]?
    /// Callbacks that wait for one plugin, over all of its strands.
    public var queueCallbacks = 10_000
    /// Bytes of the events and requests that wait for one plugin.
    public var queueBytes = 16_777_216
    /// Percent of the queue that one socket may have waiting, once a sixteenth of it is taken. 100: all of it.
    public var queueSocketShare = 25
    /// The same for all sockets and requests of one user.
    public var queueUserShare = 50
    /// Bytes of what one plugin's calls gather: answers of `broadcast_ack`, sockets of `fetch` and `members`. One
    /// call may have half of it.
    public var resultBytes = 33_554_432
    /// How many threads run the callbacks of one plugin that declared `JF_RUN_BY_USER`, `_BY_KEY` or
    /// `_PARALLEL`; callbacks with `JF_RUN_STRAND` have a thread of their own beside them. 0: twice the
    /// cores, at least 4, at most 32.
    public var lanes = 0
    /// Tokens kept by one plugin at a time; the header promises this number.
    public var keptTokens = 65_536
    /// Answers one plugin waits for: of `emit_ack`, `broadcast_ack`, `fetch` and `members`.
    public var pendingCalls = 65_536
    /// Timers of one plugin that have not fired.
    public var timers = 65_536
    /// Users one plugin may watch the presence of; the header promises this number.
    public var presenceWatches = 100_000
    /// Bytes of their ids together; the header promises this number.
    public var presenceWatchBytes = 16 << 20
    /// HTTP responses of one plugin that are still being written.
    public var streams = 65_536
    /// Bytes of what plugins' threads have asked of one event loop and it has not done yet.
    public var mailboxBytes = 67_108_864
    /// How long a plugin may take to load, from `dlopen` to the end of `start`, in milliseconds.
    public var startDeadline = 30_000
    /// How long an unloaded plugin has to finish what is queued and under way, and to `stop`, in milliseconds.
    public var stopDeadline = 10_000
    /// How long a client whose connection a plugin has to decide on waits, in milliseconds; as
    /// Socket.IO's `connectTimeout`.
    public var decisionDeadline = 45_000
    /// What an inline callback should stay below, in microseconds; the header names this number.
    public var inlineBudget = 50
    /// Where Socket.IO is served; no route below it is ever reached.
    public var socketPath = "/socket.io"
    /// What plugins read as `jf_boot.host_version`.
    public var version = "1.0.0"

    public init() {}

    var laneCount: Int {
        lanes > 0 ? lanes : min(32, max(4, 2 * Processors.count))
    }
}

/// A plugin somebody wants to have loaded: one entry of the configuration's `plugins`.
public struct PluginSpec: Sendable, Equatable {
    /// A name to look up in ``HostOptions/pluginPath`` (`NAME.so`, then `libNAME.so`), or a path
    /// when it contains a slash.
    public var path: String
    /// What logs, metrics and operators call it: 1 to 64 of a-z, 0-9 and '-'. Empty: as its descriptor says. Two
    /// entries with the same file need two names.
    public var name: String
    /// What the plugin reads through `jf_core_api.config`: JSON. `null`, or nothing at all, reads as `{}`.
    public var config: [UInt8]
    /// Whether the host is of no use without it. The host only carries this; whoever calls ``Host/load(_:)``
    /// decides what a failure means.
    public var required: Bool

    public init(path: String, name: String = "", config: [UInt8] = [], required: Bool = false) {
        self.path = path
        self.name = name
        self.config = config
        self.required = required
    }
}

/// The processors this process may use.
enum Processors {
    static let count = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}
