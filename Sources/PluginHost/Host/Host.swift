import CJackfield
import EngineIO
import Logging
import Presence
import SocketIO
import Support
import Synchronization
import Transport

/// Loads plugins, and puts what they declare in force on the event loops.
///
/// Unloading, stopping and every change of the declarations in force take their turn on a thread of the host's own, the
/// control thread. The loops see declarations as immutable snapshots that are swapped between two events.
///
/// A plugin runs in this process. One that is slow, or never comes back, costs its own clients their answers and nobody
/// else anything, unless it blocks in an inline callback: then the sockets of that loop wait. One that crashes (a
/// segmentation fault, `abort`, an exception or a panic that leaves a callback, Swift's `fatalError`) ends the process,
/// and every client is disconnected; nothing here can prevent that.
///
/// `@unchecked Sendable`: `contexts` is written once, in `init`, before anyone else has the host; everything else is
/// immutable or guards itself.
public final class Host: @unchecked Sendable {
    /// Handles an event of the core's own on its loop. The event's pointers are valid for the call; answer with
    /// ``SocketIO/NamespaceSocket/ack(_:args:attachments:)``.
    public typealias BuiltinHandler = @Sendable (_ event: borrowing IncomingEvent, _ socket: NamespaceSocket) -> Void

    public let options: HostOptions
    let socketOptions: SocketOptions
    let authenticator: any ConnectAuthenticator
    let observer: (any SocketObserver)?
    let presence: any PresenceSource
    let logger: Logger
    /// Hears what is refused. Any thread.
    let onRefusal: @Sendable (RefusalRecord) -> Void
    /// Namespaces that exist without any plugin.
    let namespaces: [ByteString]
    private(set) var contexts: [LoopContext] = []
    let timers = TimerService()
    /// Where loading and unloading take their turn.
    let control: Strand
    let registry: Mutex<Registry>
    /// The private copies of plugins; see ``imageFolder``.
    let images = Mutex<(folder: ImageFolder?, isRemoved: Bool)?>(nil)
    /// Set when the plugins are about to go: what they would have handled is not unknown then, only too late.
    let isStopping = Atomic<Bool>(false)
    /// When everything must have stopped, on ``Clock/monotonicNanoseconds``: whoever waits for
    /// a plugin waits no longer.
    let stopBy = Atomic<Int64>(.max)
    /// See ``isLoading``.
    let loading = Atomic<Bool>(false)
    let watchdog = CallbackWatchdog()
    let signals: (any SignalInspector)?
    /// Serves the declared routes, and the daemon's own: hand it to Transport's server.
    public let router: HTTPRouter

    /// - Parameters:
    ///   - loops: the event loops, in the order of their indices, which count from 0.
    ///   - socketOptions: the shards' options.
    ///   - namespaces: those that exist without any plugin; `/` always does.
    ///   - authenticator: the say on connections that comes first.
    ///   - httpAuthenticator: the say on requests to routes that are not for everybody.
    ///   - observer: hears of sockets before the plugins do.
    ///   - presence: what plugins are told about who is online.
    ///   - signals: asked after each step of a plugin's life what became of the process's signals.
    ///   - onRefusal: hears of every client that is refused something, and of errors that handlers answer with; on
    ///     any thread, must not block.
    /// - Throws: `NamespaceTableError` if one of `namespaces` is malformed.
    public init(
        loops: [any HostLoop], options: HostOptions = HostOptions(), socketOptions: SocketOptions = SocketOptions(),
        namespaces: [ByteString] = ["/"],
        authenticator: any ConnectAuthenticator, httpAuthenticator: any HTTPAuthenticator,
        observer: (any SocketObserver)? = nil, presence: any PresenceSource,
        signals: (any SignalInspector)? = nil, logger: Logger,
        onRefusal: @escaping @Sendable (RefusalRecord) -> Void = { _ in }
    ) throws(NamespaceTableError) {
        self.options = options
        self.socketOptions = socketOptions
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
        scheduleInspection(count: 1)
    }

    private func scheduleInspection(count: Int) {
        timers.schedule(at: Clock.monotonicNanoseconds + CallbackWatchdog.interval) { [self] in
            inspectCallbacks()
            if count % 4 == 0 { inspectSignals(after: nil) }
            scheduleInspection(count: count + 1)
        }
    }

    /// Makes the shard of the loop with this index, and the calling thread, which must be the loop's, its own.
    /// For `Loops.start`. [loop]
    public func makeShard(index: Int, timers: TimerWheel) -> Shard {
        let context = contexts[index]
        let shard = Shard(index: index, timers: timers, options: socketOptions, application: context)
        context.attach(shard)
        // After the attachment, so that no snapshot slips in between.
        context.adopt(registry.withLock { $0.snapshot })
        return shard
    }

    /// Has an event handled by the daemon itself, on the loop. No plugin may claim its name there.
    ///
    /// - Parameter namespace: `nil` for all of them.
    public func registerBuiltin(_ event: ByteString, namespace: ByteString? = nil, handler: @escaping BuiltinHandler) {
        let route = EventRoute(builtin: event, namespace: namespace ?? "", handler: handler)
        registry.withLock { $0.builtins.append(route) }
        // Nothing is malformed by a builtin: its namespace is only compared.
        _ = try? publish()
    }

    // MARK: What everything else here asks

    /// The loop that owns a socket; `nil` for a handle that was made up.
    @inline(__always)
    func context(of socket: SocketHandle) -> LoopContext? {
        let index = socket.shardIndex
        return index < contexts.count ? contexts[index] : nil
    }

    /// What other threads may know of a socket; `nil` when it is gone.
    func info(_ socket: SocketHandle) -> SocketInfo? { context(of: socket)?.directory[socket] }

    /// Whether anybody still waits for what a token completes.
    func isWaiting(_ entry: ReplyTokenEntry) -> Bool {
        switch entry {
        case .ack(let socket, _): context(of: socket)?.directory.contains(socket) ?? false
        case .reply(let reply): !reply.isGone
        case .decision(let admission, let stage): admission.isWaiting(at: stage)
        }
    }

    /// Acks from wherever this is. [any-thread]
    func answer(_ socket: SocketHandle, _ id: UInt64, with args: [UInt8]) {
        guard let context = context(of: socket) else { return }
        context.runOrEnqueue { args.withUnsafeBytes { context.shard.socket(socket)?.ack(id, args: $0) } }
    }
}

/// Numbers of the plugin host that belong to no plugin. They only grow.
public struct HostStatistics: Sendable, Equatable {
    /// Events that nobody registered.
    public var unknownEvents: UInt64 = 0

    public init() {}
}

extension Host {
    /// Tells the plugins that watch these users. Any thread; changes of one caller arrive in order.
    public func presenceChanged(_ changes: [PresenceChange]) {
        let plugins = registry.withLock { $0.snapshot.plugins }
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
                // A full queue loses changes, as it loses events: both are counted.
                if !plugin.strand.enqueue(task, bytes: change.user.count), plugin.isInForce {
                    plugin.log.warning("a presence change of user '\(change.user)' was lost: the queue is full")
                }
            }
        }
    }
}
