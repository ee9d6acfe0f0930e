import CJackfield
import EngineIO
import Logging
import Presence
import Signatures
import SocketIO
import Support
import Synchronization
import Transport

/// Loads plugins and publishes their declarations to the event loops.
///
/// Unloading, stopping and every change of the declarations run one after another on the host's control thread. The
/// loops see the declarations as immutable snapshots, which are swapped between two events.
///
/// Plugins run in this process. A plugin that is slow or hangs delays only the answers to its own clients, unless it
/// blocks in an inline callback: then all sockets of that loop wait. A plugin that crashes (a segmentation fault,
/// `abort`, an exception or a panic that leaves a callback, Swift's `fatalError`) ends the process and disconnects
/// every client; the host cannot prevent that.
///
/// `@unchecked Sendable`: `contexts` is written once, in `init`, before another thread can reach the host; everything
/// else is immutable or thread-safe.
public final class Host: @unchecked Sendable {
    /// Handles an event that the daemon itself serves, on its loop. The event's pointers are valid for the call; answer
    /// with ``SocketIO/NamespaceSocket/ack(_:args:attachments:)``.
    public typealias BuiltinHandler = @Sendable (_ event: borrowing IncomingEvent, _ socket: NamespaceSocket) -> Void

    /// As at the start. ``currentOptions`` has those that may change.
    public let options: HostOptions
    private let changeableOptions: Mutex<HostOptions>
    /// As at the start.
    let socketOptions: SocketOptions
    private let mostRoomsPerSocket: Atomic<Int>
    let authenticator: any ConnectAuthenticator
    let observer: (any SocketObserver)?
    let presence: any PresenceSource
    let logger: Logger
    /// Called for each refusal, on any thread.
    let onRefusal: @Sendable (RefusalRecord) -> Void
    /// Namespaces that exist without any plugin.
    let namespaces: [ByteString]
    private(set) var contexts: [LoopContext] = []
    let timers = TimerService()
    let services = ServiceRegistry()
    /// The control thread: changes of the declarations, unloading and stopping run here.
    let control: Strand
    let registry: Mutex<Registry>
    /// The folder with the private copies of plugins, once made; see ``imageFolder``.
    let images = Mutex<(folder: ImageFolder?, isRemoved: Bool)?>(nil)
    /// Set when `shutdown` begins. Events without a handler are then answered `unavailable`, not `unknown_event`.
    let isStopping = Atomic<Bool>(false)
    /// The deadline of `shutdown`, on ``Clock/monotonicNanoseconds``. No wait for a plugin lasts longer.
    let stopBy = Atomic<Int64>(.max)
    /// See ``isLoading``.
    let loading = Atomic<Bool>(false)
    let watchdog = CallbackWatchdog()
    let signals: (any SignalInspector)?
    /// Serves the routes that plugins declared, and the daemon's own: pass it to Transport's server.
    public let router: HTTPRouter

    /// - Parameters:
    ///   - loops: the event loops, in the order of their indices, which count from 0.
    ///   - socketOptions: the shards' options.
    ///   - namespaces: the namespaces that exist without any plugin; `/` always does.
    ///   - authenticator: decides about each connection before the plugins do.
    ///   - httpAuthenticator: decides about requests to routes that check the Authorization header.
    ///   - observer: notified of sockets before the plugins are.
    ///   - presence: answers the plugins' questions about who is online.
    ///   - signals: checked after each step of a plugin's life cycle, and once a second, for changed signal handlers.
    ///   - onRefusal: called for every refusal that a client gets, and for errors that handlers answer with; on any
    ///     thread, must not block.
    /// - Throws: `NamespaceTableError` if one of `namespaces` is malformed.
    public convenience init(
        loops: [any HostLoop], options: HostOptions = HostOptions(), socketOptions: SocketOptions = SocketOptions(),
        namespaces: [ByteString] = ["/"],
        authenticator: any ConnectAuthenticator, httpAuthenticator: any HTTPAuthenticator,
        observer: (any SocketObserver)? = nil, presence: any PresenceSource,
        signals: (any SignalInspector)? = nil, logger: Logger,
        onRefusal: @escaping @Sendable (RefusalRecord) -> Void = { _ in }
    ) throws(NamespaceTableError) {
        try self.init(
            loops: loops, options: options, socketOptions: socketOptions, namespaces: namespaces,
            authenticator: authenticator, httpAuthenticator: httpAuthenticator, observer: observer, presence: presence,
            signals: signals, logger: logger, watches: true, onRefusal: onRefusal)
    }

    /// - Parameter watches: whether callbacks that run for long are logged. In a worker they are not: the daemon does
    ///   that.
    init(
        loops: [any HostLoop], options: HostOptions = HostOptions(), socketOptions: SocketOptions = SocketOptions(),
        namespaces: [ByteString] = ["/"],
        authenticator: any ConnectAuthenticator, httpAuthenticator: any HTTPAuthenticator,
        observer: (any SocketObserver)? = nil, presence: any PresenceSource,
        signals: (any SignalInspector)? = nil, logger: Logger, watches: Bool,
        onRefusal: @escaping @Sendable (RefusalRecord) -> Void = { _ in }
    ) throws(NamespaceTableError) {
        self.options = options
        changeableOptions = Mutex(options)
        self.socketOptions = socketOptions
        mostRoomsPerSocket = Atomic(socketOptions.maxRoomsPerSocket)
        self.namespaces = namespaces
        self.authenticator = authenticator
        self.observer = observer
        self.presence = presence
        self.signals = signals
        self.logger = logger
        self.onRefusal = onRefusal
        control = Strand(name: "jf-control", budget: QueueBudget(callbacks: 1_024, bytes: 1 << 20))
        router = HTTPRouter(authenticator: httpAuthenticator)
        let snapshot = try DispatchSnapshot(namespaces: namespaces, builtins: [], plugins: [])
        registry = Mutex(Registry(snapshot: snapshot))
        contexts = loops.map { LoopContext($0, host: self, snapshot: snapshot) }
        if watches { scheduleInspection(count: 1) }
    }

    private func scheduleInspection(count: Int) {
        timers.schedule(at: Clock.monotonicNanoseconds + CallbackWatchdog.interval) { [self] in
            inspectCallbacks()
            if count % 4 == 0 { inspectSignals(after: nil) }
            inspectWorkers()
            scheduleInspection(count: count + 1)
        }
    }

    /// Ends workers that hang or use too much memory.
    private func inspectWorkers() {
        for plugin in registry.withLock({ $0.alive }) { plugin.isolated?.inspect() }
    }

    /// Makes the shard of the loop with this index and binds the calling thread, which must be the loop's, to it. For
    /// `Loops.start`. [loop]
    public func makeShard(index: Int, timers: TimerWheel) -> Shard {
        let context = contexts[index]
        let shard = Shard(index: index, timers: timers, options: socketOptions, application: context)
        context.attach(shard)
        // After `attach`: from then on `publish` reaches this loop, so no snapshot is missed.
        context.adopt(registry.withLock { $0.snapshot })
        return shard
    }

    /// Registers a handler of the daemon's own for an event; it runs on the loop. Plugins cannot claim the event's name
    /// in that namespace.
    ///
    /// - Parameters:
    ///   - namespace: `nil` for all namespaces.
    ///   - signature: describes the event to clients. The host does not check arguments against it; the handler does,
    ///     with errors of its own.
    public func registerBuiltin(
        _ event: ByteString, namespace: ByteString? = nil, signature: Signature? = nil,
        handler: @escaping BuiltinHandler
    ) {
        let route = EventRoute(builtin: event, namespace: namespace ?? "", handler: handler)
        let declaration = DeclaredEvent(
            namespace: namespace, name: event, signature: signature, isFromServer: false, plugin: nil)
        registry.withLock { registry in
            registry.builtins.append(route)
            registry.builtinDeclarations.append(declaration)
        }
        // Cannot throw: a builtin declares no namespace, its namespace is only compared.
        _ = try? publish()
    }

    /// The options as the last ``adopt(_:)`` has set them. Not for the way of a message: it takes a lock. [any-thread]
    var currentOptions: HostOptions { changeableOptions.withLock { $0 } }

    /// Puts in force what may change while the host runs: the folders of plugins, the checks of emits, the limits of
    /// the plugins' queues and results, the time above which callbacks are slow, and the deadlines of loading and
    /// unloading. Other options have no effect.
    /// [any-thread]
    public func adopt(_ options: HostOptions) {
        changeableOptions.withLock { $0 = options }
        // A plugin that is not among them yet is made with the new options.
        for plugin in registry.withLock({ $0.alive }) {
            plugin.adopt(limitsOf: options)
            plugin.adoptEmitChecks()
        }
    }

    /// Puts the limit of rooms in force for joins from plugins. Each shard must adopt the same limits on its loop.
    /// [any-thread]
    public func adopt(limitsOf options: SocketOptions) {
        mostRoomsPerSocket.store(options.maxRoomsPerSocket, ordering: .relaxed)
    }

    /// ``SocketIO/SocketOptions/maxRoomsPerSocket`` as the last ``adopt(limitsOf:)`` has set it. [any-thread]
    @inline(__always)
    var maxRoomsPerSocket: Int { mostRoomsPerSocket.load(ordering: .relaxed) }

    // MARK: Look-ups

    /// The loop that owns a socket; `nil` if the handle names no loop.
    @inline(__always)
    func context(of socket: SocketHandle) -> LoopContext? {
        let index = socket.shardIndex
        return index < contexts.count ? contexts[index] : nil
    }

    /// The socket's properties that any thread may read; `nil` when it is gone.
    func info(_ socket: SocketHandle) -> SocketInfo? { context(of: socket)?.directory[socket] }

    /// Whether the client that a token would answer still waits. [any-thread]
    func isWaiting(_ entry: ReplyTokenEntry) -> Bool {
        switch entry {
        case .ack(let socket, _): context(of: socket)?.directory.contains(socket) ?? false
        case .reply(let reply): !reply.isGone
        case .decision(let admission, let stage): admission.isWaiting(at: stage)
        case .call(let call): !call.isSettled
        }
    }

    /// Sends an ack; on another thread than the socket's loop it enqueues it there. [any-thread]
    func answer(_ socket: SocketHandle, _ id: UInt64, with args: [UInt8]) {
        guard let context = context(of: socket) else { return }
        context.runOrEnqueue { args.withUnsafeBytes { context.shard.socket(socket)?.ack(id, args: $0) } }
    }
}

/// Counters of the plugin host that belong to no plugin. They only grow.
public struct HostStatistics: Sendable, Equatable {
    /// Events without a handler.
    public var unknownEvents: UInt64 = 0

    public init() {}
}

extension Host {
    /// Notifies the plugins that watch these users. Any thread; changes from one thread arrive in order.
    public func presenceChanged(_ changes: [PresenceChange]) {
        // A version that is about to replace a plugin must miss no change.
        let plugins = registry.withLock { $0.snapshot.plugins + $0.snapshot.holds.map(\.successor) }
        for plugin in plugins {
            guard let function = plugin.descriptor.presence else { continue }
            let call = PluginCall(function: function, context: nil)
            for change in changes where plugin.watches.contains(change.user) {
                let task = StrandTask(
                    .presence,
                    run: {
                        guard plugin.isCreated else { return }
                        let pack = TextPack([.text(change.user.text)])
                        var raw = jf_presence_change.sized
                        raw.online = change.isOnline ? 1 : 0
                        raw.user = pack[0]
                        raw.at = change.at
                        withExtendedLifetime(pack) { call.function(plugin.instance, &raw) }
                    })
                // A full queue drops presence changes, as it drops events; the budget counts both.
                if !plugin.strand.enqueue(task, bytes: change.user.count), plugin.isInForce {
                    plugin.log.warning("a presence change of user '\(change.user)' was lost: the queue is full")
                }
            }
        }
    }
}
