import Glibc
import Isolation

/// The limits of the plugin host. Each limit has a counter or an error for what it refuses.
public struct HostOptions: Sendable {
    /// Folders that are searched, in this order, for a plugin named without a slash.
    public var pluginPath: [String] = []
    /// Folders in which the host may make the folder for its private copies of plugins; `nil`:
    /// ``ImageFolder/candidates``, the temporary folders.
    public var imageFolders: [String]?
    /// Most callbacks that may wait for one plugin, over all of its strands.
    public var queueCallbacks = 10_000
    /// Most bytes of events and requests that may wait for one plugin.
    public var queueBytes = 16_777_216
    /// Percent of the queue that one socket may have waiting, once a sixteenth of the queue is in use. 100: no limit.
    public var queueSocketShare = 25
    /// The same percentage for all sockets and requests of one user.
    public var queueUserShare = 50
    /// Most bytes that the unfinished results of one plugin's calls hold: answers of `broadcast_ack`, sockets of
    /// `fetch` and `members`. One call may hold half of it.
    public var resultBytes = 33_554_432
    /// How many threads run the callbacks that a plugin declared `JF_RUN_BY_USER`, `_BY_KEY` or `_PARALLEL`;
    /// `JF_RUN_STRAND` callbacks run on one more thread. 0: twice the cores, at least 4, at most 32.
    public var lanes = 0
    /// Tokens that one plugin may keep at a time; the header promises this number.
    public var keptTokens = 65_536
    /// Pending calls of one plugin: `emit_ack`, `broadcast_ack`, `fetch` and `members`.
    public var pendingCalls = 65_536
    /// Timers of one plugin that have not fired.
    public var timers = 65_536
    /// Users whose presence one plugin may watch; the header promises this number.
    public var presenceWatches = 100_000
    /// Bytes of the watched users' ids together; the header promises this number.
    public var presenceWatchBytes = 16 << 20
    /// HTTP responses of one plugin that are still being written.
    public var streams = 65_536
    /// Most bytes of work that one plugin may have waiting in its mailbox for one event loop.
    public var mailboxBytes = 67_108_864
    /// How long a plugin may take to load, from `dlopen` to the end of `start`, in milliseconds.
    public var startDeadline = 30_000
    /// How long an unloaded plugin may take to finish its queued and running callbacks and to `stop`, in milliseconds.
    public var stopDeadline = 10_000
    /// How long clients' callbacks may be held while a plugin is reloaded, in milliseconds.
    public var reloadDeadline = 5_000
    /// Loads a file in a process of its own, as far as `create`, before a reload loads it here. Gets the path and the
    /// configuration; returns how the file ended that process, or that it did not return; `nil` if neither. Blocks its
    /// thread. `nil`: reloads load files at once, and one that crashes ends this process.
    public var trial: (@Sendable (_ path: String, _ config: [UInt8]) -> String?)?
    /// Most bytes of the state that a plugin passes to its new version; the header promises this number.
    public var savedStateBytes = 64 << 20
    /// How long a client waits for a plugin's decision about its connection, in milliseconds; the default is
    /// Socket.IO's `connectTimeout`.
    public var decisionDeadline = 45_000
    /// The time above which a callback on a strand is logged as slow, in milliseconds; 0: none is.
    public var slowCallback = 1_000
    /// The time an inline callback should stay below, in microseconds; the header names this number.
    public var inlineBudget = 50
    /// The path where Socket.IO is served; a route below it is never reached.
    public var socketPath = "/socket.io"
    /// What happens to an emit whose arguments break the signature that the plugin declared for the event.
    public var emitChecks = EmitChecks.count
    /// `process`: every plugin runs in a worker process, whatever its entry says.
    public var isolation = PluginSpec.Isolation.none
    /// The executable that runs workers, with the arguments ``PluginWorker/arguments``; it calls
    /// ``PluginWorker/run()``.
    public var workerExecutable = "/proc/self/exe"
    /// The folder in which each worker gets its working folder; `nil`: a temporary one.
    public var workerFolder: String?
    /// The value of `jf_boot.host_version`.
    public var version = "1.0.0"
    /// Makes this host an older one, for tests of plugins: how many bytes of the table of an interface it knows; `nil`:
    /// it has no such interface.
    package var knownTableBytes: (@Sendable (_ id: String) -> Int?)?
    /// Makes this host a newer one, for tests of plugins: bytes of `jf_boot` that this header does not know.
    package var unknownBootBytes = 0
    /// Called with each line that the host logs because a plugin broke a rule of the header. `isArgument`: an argument
    /// of a call is wrong, which a plugin may leave to the host to find out. Any thread.
    package var onMisuse: (@Sendable (_ line: String, _ isArgument: Bool) -> Void)?

    public init() {}

    /// ``slowCallback`` in nanoseconds; none is longer if there is no limit.
    var slowTime: Int64 { slowCallback > 0 ? Int64(slowCallback) * 1_000_000 : .max }

    var laneCount: Int {
        lanes > 0 ? lanes : min(32, max(4, 2 * Processors.count))
    }
}

/// What is done about the arguments of events that plugins emit, and have declared with a signature.
public enum EmitChecks: String, Sendable, CaseIterable {
    /// The emit fails, and nothing is sent.
    case strict
    /// The event is sent, and counted.
    case count
    /// They are not checked.
    case off
}

/// A plugin that is to be loaded: one entry of the configuration's `plugins`, or of its `bind`.
public struct PluginSpec: Sendable, Equatable {
    /// A name to look up in ``HostOptions/pluginPath`` (`NAME.so`, then `libNAME.so`), or a path if it contains a
    /// slash.
    public var path: String
    /// The name in logs, metrics and for operators: 1 to 64 of a-z, 0-9 and '-'. Empty: the descriptor's name. Two
    /// entries with the same file need two names.
    public var name: String
    /// What `jf_core_api.config` returns: JSON. `null` and empty read as `{}`.
    public var config: [UInt8]
    /// Whether the process must not run without this plugin. The host only stores this; the caller of ``Host/load(_:)``
    /// decides what a failure means.
    public var required: Bool
    public var kind: Kind
    public var isolation: Isolation

    /// Where the plugin's code runs.
    public enum Isolation: String, Sendable, CaseIterable {
        /// In the process of the host.
        case none
        /// In a worker process of its own, which is replaced when it ends.
        case process
    }

    /// The worker process of an isolated plugin.
    public var worker: WorkerOptions

    /// What a library is to the host.
    public enum Kind: Sendable, Equatable {
        /// It has `jf_plugin_main`.
        case plugin
        /// It has C functions that answer events, and ``PluginSpec/path`` is what `dlopen` gets.
        case library(LibraryBinding)
    }

    public init(
        path: String, name: String = "", config: [UInt8] = [], required: Bool = false, kind: Kind = .plugin,
        isolation: Isolation = .none, worker: WorkerOptions = WorkerOptions()
    ) {
        self.path = path
        self.name = name
        self.config = config
        self.required = required
        self.kind = kind
        self.isolation = isolation
        self.worker = worker
    }

    /// The options of the plugin's worker; `nil` if its code runs in the daemon.
    func worker(_ options: HostOptions) -> WorkerOptions? {
        (isolation == .process || options.isolation == .process) && kind == .plugin ? worker : nil
    }
}

/// The worker process of an isolated plugin.
public struct WorkerOptions: Sendable, Equatable {
    /// A worker is killed when a callback has not returned within so many milliseconds; 0: never.
    public var hangAfter = 10_000
    /// A worker is killed when it uses more bytes of memory; 0: there is no limit.
    public var memoryLimit = 0
    /// The next worker is started 100 ms after one has ended, and later after each that ends soon as well: at most
    /// after so many milliseconds.
    public var longestBackOff = 30_000
    /// What the process may use, and as whom it runs.
    public var limits = WorkerLimits()

    public init() {}
}

/// The processors that are online.
enum Processors {
    static let count = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}
