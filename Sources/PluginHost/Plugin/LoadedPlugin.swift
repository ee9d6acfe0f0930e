import CJackfield
import Logging
import Support
import Synchronization

/// One load of a plugin; `jf_host` points to it.
///
/// It is never freed: a plugin's threads may call with it long after it was unloaded, and then get `JF_E_STATE`. What
/// it owns is released.
///
/// `@unchecked Sendable`: `isolated` is written by `init` only; `descriptor`, `declaredName`, `callerText`, `instance`,
/// `lanes`, `routes`, `hooks`, `httpRoutes`, `boundFunctions` and the meters are written while the plugin is loaded,
/// by one thread
/// at a time, before the snapshot that publishes them to the loops is made; everything else is immutable or
/// thread-safe.
final class LoadedPlugin: @unchecked Sendable {
    let host: Host
    let spec: PluginSpec
    let path: String
    /// Its name and files for the report of a crash.
    let identity: PluginIdentity
    let generation: Int
    /// The number of its entry in the plan, or a greater one if it has none. ``Registry/order(of:)`` says in which
    /// order hooks are called.
    let place: Int
    let log: PluginLog
    let budget: QueueBudget
    let tokens: ReplyTokenTable
    let timers: PluginTimers
    let streams: StreamTable
    let pending: PendingCalls
    let results: ResultBudget
    let watches: PluginPresenceWatches
    /// Work that the plugin has enqueued for the loops, by the loop's index.
    let mailboxes: [LoopMailbox]
    let data: PluginDataTable
    let bindings = BindingTable()
    let errors = PluginErrors()
    let slowCallbacks = SlowCallbacks()
    /// How long the inline callbacks took that were timed, by the loop's index.
    let inlineTimes: [CallbackTimes]
    let functions = ServiceFunctions()
    /// Joins refused because the socket already was in the most rooms allowed.
    let refusedJoins = Atomic<UInt64>(0)
    /// Events refused because their arguments broke the contract of the handler.
    let refusedArguments = Atomic<UInt64>(0)
    /// The address of ``host``, for comparison without reference counting.
    let hostID: UnsafeRawPointer
    /// The longest event name, of ``SocketIO/SocketOptions``.
    let nameLimit: Int
    /// The configuration as JSON; its address does not change.
    let config: UnsafeRawBufferPointer
    /// Set if the plugin's code runs in a worker process.
    private(set) var isolated: IsolatedPlugin?
    /// Set in a worker process: the way to the daemon, which performs the plugin's calls.
    let daemon: DaemonLink?

    private(set) var strand: Strand! = nil
    private(set) var lanes: [Strand] = []
    private(set) var descriptor: PluginDescriptor
    /// The name in the descriptor; ``name`` may be another one, of the configuration.
    private(set) var declaredName = ""
    /// The name, for calls of other plugins' methods: `jf_call.caller`. Its address does not change.
    private(set) var callerText = jf_text()
    /// Its services, made once it has started. Kept, because a strand's running callback is named by an address.
    private let services = Mutex<[ProvidedService]>([])
    /// The instance pointer that `create` returned.
    var instance: UnsafeMutableRawPointer?
    /// Whether `create` has succeeded. Without it no callback is called, because there is no instance. Used on the
    /// strand only.
    var isCreated = false
    /// The C functions that answer events; their events are among those of the descriptor.
    private(set) var boundFunctions: [BoundFunction] = []
    private(set) var routes: [EventRoute] = []
    private(set) var hooks: [NamespaceHook] = []
    private(set) var httpRoutes: [HTTPRoute] = []
    /// What it declares to emit; `nil` if nothing. Never released.
    private let declaredEmits = Mutex<Unmanaged<EmitContracts>?>(nil)
    /// The same, while the host checks emits.
    private let checkedEmits = Atomic<Unmanaged<EmitContracts>?>(nil)
    /// The meter of the `handshake` hook, if there is one.
    private(set) var handshakeMeter: InlineMeter?
    /// The meters of all inline callbacks.
    private var meters: [InlineMeter] = []

    /// The path of the private copy that it is mapped from; empty before that, and for a library of `bind`.
    let mappedCopy = Mutex("")
    /// When each declared timer fired last, or was started, on ``Clock/monotonicNanoseconds``.
    let timerTimes = Mutex<[Int64]>([])
    /// The version that has replaced this one.
    private let successor = Mutex<LoadedPlugin?>(nil)
    private let publicOutline = Mutex<(name: String, strands: [Strand])>(("", []))
    private let currentState = Atomic<UInt8>(PluginState.starting.rawValue)
    private let served = Atomic<Bool>(false)
    private let readiness = Mutex<String?>(nil)
    /// Interfaces that it requested and the host does not have.
    private let missing = Mutex<[String]>([])

    /// - Parameter daemon: set in a worker process.
    init(
        _ spec: PluginSpec, path: String, generation: Int, place: Int, host: Host, daemon: DaemonLink? = nil
    ) {
        self.host = host
        self.spec = spec
        self.path = path
        self.generation = generation
        self.place = place
        self.daemon = daemon
        let name = spec.name.isEmpty ? PluginFinder.name(of: path) : spec.name
        descriptor = PluginDescriptor(name: name, version: "")
        log = PluginLog(host.logger, plugin: name)
        identity = PluginIdentity(name: name, file: path)
        let options = host.currentOptions
        budget = QueueBudget(
            callbacks: options.queueCallbacks, bytes: options.queueBytes, socketShare: options.queueSocketShare,
            userShare: options.queueUserShare)
        tokens = ReplyTokenTable(limit: options.keptTokens) { [unowned host] in host.isWaiting($0) }
        timers = PluginTimers(limit: options.timers)
        streams = StreamTable(limit: options.streams)
        results = ResultBudget(limit: options.resultBytes)
        pending = PendingCalls(limit: options.pendingCalls)
        watches = PluginPresenceWatches(limit: options.presenceWatches, byteLimit: options.presenceWatchBytes)
        data = PluginDataTable(loops: host.contexts.count)
        inlineTimes = host.contexts.map { _ in CallbackTimes() }
        mailboxes = host.contexts.map { _ in LoopMailbox(byteLimit: options.mailboxBytes) }
        hostID = UnsafeRawPointer(Unmanaged.passUnretained(host).toOpaque())
        nameLimit = host.socketOptions.maxEventNameLength
        let text = spec.config.isEmpty || spec.config == Array("null".utf8) ? Array("{}".utf8) : spec.config
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
        copy.copyBytes(from: text)
        config = UnsafeRawBufferPointer(copy)
        // Never released: from here on C code holds the address.
        _ = Unmanaged.passRetained(self)
        strand = makeStrand(lane: 0)
        if let options = spec.worker(host.options) {
            let isolated = IsolatedPlugin(of: self, options)
            self.isolated = isolated
            instance = isolated.instance
        }
        publicOutline.withLock { $0 = (name, [strand]) }
    }

    var name: String { descriptor.name }

    /// The `jf_host` that the plugin passes to every function of the header.
    var handle: OpaquePointer { OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

    /// The plugin that a call comes from. Plugins are never freed.
    @inline(__always)
    static func from(_ host: OpaquePointer?) -> LoadedPlugin? {
        guard let host else { return nil }
        return Unmanaged<LoadedPlugin>.fromOpaque(UnsafeRawPointer(host)).takeUnretainedValue()
    }

    /// The same for the functions that are called for every message: without reference counting, because two loops
    /// would contend for the same counter.
    @inline(__always)
    static func with(_ host: OpaquePointer?, _ body: (LoadedPlugin) -> Int32) -> Int32 {
        guard let host else { return JF_E_INVALID }
        return Unmanaged<LoadedPlugin>.fromOpaque(UnsafeRawPointer(host))._withUnsafeGuaranteedRef(body)
    }

    // MARK: State

    var state: PluginState {
        get { PluginState(rawValue: currentState.load(ordering: .acquiring)) ?? .stopped }
        set {
            currentState.store(newValue.rawValue, ordering: .releasing)
            if newValue == .stopped || newValue == .stuck { isServed = false }
        }
    }

    /// Sets the state `running`, unless the plugin is already stopping.
    ///
    /// - Returns: whether it was set.
    func run() -> Bool {
        currentState.compareExchange(
            expected: PluginState.starting.rawValue, desired: PluginState.running.rawValue,
            ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Whether the header's functions work for it: from the start of `create` until `stop` has returned.
    @inline(__always)
    var isServed: Bool {
        get { served.load(ordering: .relaxed) }
        set { served.store(newValue, ordering: .releasing) }
    }

    /// The version that is in force now, if this one was replaced in a reload, else this one; `nil` if it was replaced
    /// and the latest version has ended.
    var latestVersion: LoadedPlugin? {
        var latest = self
        while let next = latest.successor.withLock({ $0 }) { latest = next }
        return latest.isInForce || latest === self ? latest : nil
    }

    /// Notes that `successor` has replaced this plugin.
    func replaced(by successor: LoadedPlugin) { self.successor.withLock { $0 = successor } }

    /// Whether its declarations may be used: false once it is stopping.
    var isInForce: Bool { state == .running || state == .starting }

    /// Why the plugin says it cannot work; `nil` if it can.
    var notReady: String? {
        get { readiness.withLock { $0 } }
        set {
            readiness.withLock { $0 = newValue }
            daemon?.report(readiness: newValue)
        }
    }

    func missesInterface(_ id: String) {
        missing.withLock { if $0.count < 16, !$0.contains(id) { $0.append(id) } }
    }

    var missingInterfaces: [String] { missing.withLock { $0 } }

    /// Stores the descriptor that `jf_plugin_main` filled, under the configured name if there is one. Called once,
    /// before the plugin is published.
    func adopt(_ descriptor: PluginDescriptor) {
        self.descriptor = descriptor
        declaredName = descriptor.name
        if !spec.name.isEmpty { self.descriptor.name = spec.name }
        log.rename(name, version: descriptor.version)
        identity.rename(name)
        callerText = Boot.lasting(name)
        boundFunctions = descriptor.functions.map { BoundFunction($0, of: self) }
        self.descriptor.events += zip(descriptor.functions, boundFunctions).map { $1.declaration(number: $0.number) }
        routes = self.descriptor.events.map { EventRoute($0, of: self) }
        hooks = descriptor.namespaces.filter(\.hasHooks).map { NamespaceHook($0, of: self) }
        httpRoutes = descriptor.routes.map { HTTPRoute($0, of: self) }
        if !descriptor.emits.isEmpty {
            declaredEmits.withLock { $0 = .passRetained(EmitContracts(descriptor.emits)) }
            adoptEmitChecks()
        }
        if descriptor.handshake != nil {
            handshakeMeter = InlineMeter(Callback("handshake"), of: self, isChoice: false)
        }
        meters =
            routes.compactMap(\.meter) + hooks.flatMap(\.meters) + httpRoutes.compactMap(\.meter)
            + boundFunctions.compactMap(\.meter) + [handshakeMeter].compactMap(\.self)
        if descriptor.usesLanes {
            lanes = (1...host.options.laneCount).map { makeStrand(lane: $0) }
        }
        publicOutline.withLock { $0 = (descriptor.name, allStrands) }
    }

    /// Checks what it emits; `nil` if it declares no event that it emits, or if the host checks none. [any-thread]
    @inline(__always)
    var emitContracts: Unmanaged<EmitContracts>? { checkedEmits.load(ordering: .acquiring) }

    /// Puts ``HostOptions/emitChecks`` in force. [any-thread]
    func adoptEmitChecks() {
        // The option is read under the lock, so that of two threads the one that stores last has read the newest.
        declaredEmits.withLock { declared in
            checkedEmits.store(host.currentOptions.emitChecks == .off ? nil : declared, ordering: .releasing)
        }
    }

    /// Puts the limits of its queue and of its results in force. [any-thread]
    func adopt(limitsOf options: HostOptions) {
        budget.adopt(
            callbacks: options.queueCallbacks, bytes: options.queueBytes, socketShare: options.queueSocketShare,
            userShare: options.queueUserShare)
        results.limit = options.resultBytes
        for strand in outline.strands { strand.adopt(slowTime: options.slowTime) }
    }

    /// Makes its services; `instance` must be known.
    func makeServices() -> [ProvidedService] {
        services.withLock { services in
            services = descriptor.services.map { ProvidedService($0, of: self) }
            return services
        }
    }

    /// Name and strands; also valid while the plugin is loading. [any-thread]
    var outline: (name: String, strands: [Strand]) { publicOutline.withLock { $0 } }

    // MARK: Strands

    /// - Parameter lane: 0: the strand.
    private func makeStrand(lane: Int) -> Strand {
        let suffix = lane == 0 ? "" : "-\(lane)"
        return Strand(
            name: "jf:\(name)\(suffix)", lane: lane, budget: budget,
            source: lane == 0 ? daemon?.strandSource : nil, identity: identity,
            callEvent: { [unowned(unsafe) self] record, state in self.call(record, state) },
            dropEvent: { [unowned(unsafe) self] record in self.drop(record) },
            slowTime: host.currentOptions.slowTime,
            onSlow: { [unowned(unsafe) self] callback, time in
                self.wasSlow(callback, time, on: "jf:\(self.name)\(suffix)")
            })
    }

    /// The strand for a callback with this run mode.
    ///
    /// - Parameter other: the key that orders the callbacks of anonymous clients.
    func strand(for run: RunMode, user: ByteString?, else other: UInt64) -> Strand {
        switch run {
        case .parallel: leastLoaded
        case .byUser: lane(user.map { Self.hash(of: $0) } ?? other)
        default: strand
        }
    }

    /// The lane for this hash.
    @inline(__always)
    func lane(_ hash: UInt64) -> Strand {
        guard !lanes.isEmpty else { return strand }
        // Fibonacci hashing: handles and short names differ only in their low bits.
        return lanes[Int((hash &* 0x9E37_79B9_7F4A_7C15) &>> 33) % lanes.count]
    }

    /// The lane with the fewest unfinished callbacks.
    var leastLoaded: Strand {
        var best: Strand = lanes.first ?? strand
        var least = load(of: best)
        for lane in lanes.dropFirst() {
            guard least > 0 else { break }
            let load = load(of: lane)
            if load < least { (best, least) = (lane, load) }
        }
        return best
    }

    private func load(of strand: Strand) -> Int { strand.load + (isolated?.load(of: strand) ?? 0) }

    static func hash(of text: ByteString) -> UInt64 {
        text.withBytes { EventTable.hash($0) }
    }

    var allStrands: [Strand] { [strand] + lanes }

    // MARK: Status

    var status: PluginStatus {
        var handled: UInt64 = 0
        var time: Int64 = 0
        var slow: UInt64 = 0
        let now = Clock.monotonicNanoseconds
        var oldestWait: Int64 = 0
        var times = [UInt64](repeating: 0, count: CallbackTimes.bucketCount)
        for strand in allStrands {
            handled += strand.handled
            time += strand.nanoseconds
            oldestWait = max(oldestWait, strand.oldestWait(at: now))
            strand.times.add(to: &times)
        }
        for loop in inlineTimes { loop.add(to: &times) }
        for meter in meters {
            handled += meter.calls
            slow += meter.slow
            time += meter.nanoseconds
        }
        return PluginStatus(
            name: name, version: descriptor.version, path: path, generation: generation, state: state,
            queued: budget.callbacks,
            queuedBytes: budget.bytes, oldestWait: oldestWait, refused: budget.refusedFull,
            refusedForSocket: budget.refusedForSocket,
            refusedForUser: budget.refusedForUser,
            refusedOperations: mailboxes.reduce(0) { $0 + $1.refused },
            refusedJoins: refusedJoins.load(ordering: .relaxed),
            refusedArguments: refusedArguments.load(ordering: .relaxed),
            suppressedLogLines: log.leftOut, droppedResults: results.leftOut, refusedWatches: watches.refused,
            handled: handled, handlerNanoseconds: time, callbackTimes: times,
            errors: PluginErrors.Kind.allCases.map { ($0.title, errors[$0]) }, slowInlineCalls: slow,
            slowCallbacks: slowCallbacks.count,
            reloads: host.registry.withLock { $0.loadsOfName[ByteString(name), default: 1] } - 1,
            keptTokens: tokens.kept, timers: timers.count + descriptor.timers.count, streams: streams.count,
            notReady: isolated?.problem ?? notReady, worker: isolated?.status,
            contractViolations: emitContracts?._withUnsafeGuaranteedRef { $0.violations } ?? [],
            providedServices: host.services.provided(by: self), boundServices: host.services.bound(by: self))
    }
}
