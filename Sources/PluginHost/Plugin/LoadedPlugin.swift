import CJackfield
import Logging
import Support
import Synchronization

/// One generation of a plugin, and the `jf_host` it knows.
///
/// It is never freed: a plugin's threads may call with it long after it was unloaded, and then read `JF_E_STATE`.
/// What it owns is given back.
///
/// `@unchecked Sendable`: `descriptor`, `instance`, `lanes`, `routes`, `hooks`, `httpRoutes` and the meters are written
/// while it is loaded, by one thread at a time, before the snapshot that publishes them to the loops is made;
/// everything else is immutable or guards itself.
final class LoadedPlugin: @unchecked Sendable {
    let host: Host
    let spec: PluginSpec
    let path: String
    let generation: Int
    /// Where it stands among the plugins: hooks are asked in this order.
    let place: Int
    let log: PluginLog
    let budget: QueueBudget
    let tokens: ReplyTokenTable
    let timers: PluginTimers
    let streams: StreamTable
    let pending: PendingCalls
    let results: ResultBudget
    let watches: PluginPresenceWatches
    /// What its threads ask of the loops, by the loop's index.
    let mailboxes: [LoopMailbox]
    let data: PluginDataTable
    /// Joins that found their socket in as many rooms as it may be.
    let refusedJoins = Atomic<UInt64>(0)
    /// Which host this is, for comparison.
    let hostID: UnsafeRawPointer
    /// Of ``SocketIO/SocketOptions``.
    let nameLimit: Int
    /// The configuration, JSON, at an address that stays.
    let config: UnsafeRawBufferPointer

    private(set) var strand: Strand! = nil
    private(set) var lanes: [Strand] = []
    private(set) var descriptor: PluginDescriptor
    /// What `create` made.
    var instance: UnsafeMutableRawPointer?
    /// Whether `create` has succeeded: callbacks of a plugin without an instance are not made.
    /// Touched on the strand only.
    var isCreated = false
    private(set) var routes: [EventRoute] = []
    private(set) var hooks: [NamespaceHook] = []
    private(set) var httpRoutes: [HTTPRoute] = []
    /// Of the `handshake` hook, if there is one.
    private(set) var handshakeMeter: InlineMeter?
    /// Of all inline callbacks.
    private var meters: [InlineMeter] = []

    private let publicOutline = Mutex<(name: String, strands: [Strand])>(("", []))
    private let currentState = Atomic<UInt8>(PluginState.starting.rawValue)
    private let served = Atomic<Bool>(false)
    private let readiness = Mutex<String?>(nil)
    /// Interfaces it asked for in vain.
    private let missing = Mutex<[String]>([])

    init(_ spec: PluginSpec, path: String, generation: Int, place: Int, host: Host) {
        self.host = host
        self.spec = spec
        self.path = path
        self.generation = generation
        self.place = place
        let name = spec.name.isEmpty ? PluginFinder.name(of: path) : spec.name
        descriptor = PluginDescriptor(name: name, version: "")
        log = PluginLog(host.logger, plugin: name)
        let options = host.options
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
        mailboxes = host.contexts.map { _ in LoopMailbox(byteLimit: options.mailboxBytes) }
        hostID = UnsafeRawPointer(Unmanaged.passUnretained(host).toOpaque())
        nameLimit = host.socketOptions.maxEventNameLength
        let text = spec.config.isEmpty || spec.config == Array("null".utf8) ? Array("{}".utf8) : spec.config
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
        copy.copyBytes(from: text)
        config = UnsafeRawBufferPointer(copy)
        // From here on the address is given to C: it must hold for ever.
        _ = Unmanaged.passRetained(self)
        strand = makeStrand("")
        publicOutline.withLock { $0 = (name, [strand]) }
    }

    var name: String { descriptor.name }

    /// The first argument of every call of the header.
    var handle: OpaquePointer { OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

    /// The plugin that a call comes from; not retained, since plugins live for ever.
    @inline(__always)
    static func from(_ host: OpaquePointer?) -> LoadedPlugin? {
        guard let host else { return nil }
        return Unmanaged<LoadedPlugin>.fromOpaque(UnsafeRawPointer(host)).takeUnretainedValue()
    }

    /// The same for the calls that every message makes: without counting references, which two loops
    /// would do to the same one.
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

    /// Whether its calls are served: from the begin of `create` until `stop` has returned.
    @inline(__always)
    var isServed: Bool {
        get { served.load(ordering: .relaxed) }
        set { served.store(newValue, ordering: .releasing) }
    }

    /// Whether its declarations count.
    var isInForce: Bool { state == .running || state == .starting }

    /// Why it cannot work, in its words.
    var notReady: String? {
        get { readiness.withLock { $0 } }
        set { readiness.withLock { $0 = newValue } }
    }

    func missesInterface(_ id: String) {
        missing.withLock { if $0.count < 16, !$0.contains(id) { $0.append(id) } }
    }

    var missingInterfaces: [String] { missing.withLock { $0 } }

    /// Takes over what `jf_plugin_main` declared, under the name that the configuration gives.
    /// Once, before it is published.
    func adopt(_ descriptor: PluginDescriptor) {
        self.descriptor = descriptor
        if !spec.name.isEmpty { self.descriptor.name = spec.name }
        log.rename(name, version: descriptor.version)
        routes = descriptor.events.map { EventRoute($0, of: self) }
        hooks = descriptor.namespaces.filter(\.hasHooks).map { NamespaceHook($0, of: self) }
        httpRoutes = descriptor.routes.map { HTTPRoute($0, of: self) }
        if descriptor.handshake != nil {
            handshakeMeter = InlineMeter(Callback("handshake"), of: self, isChoice: false)
        }
        meters =
            routes.compactMap(\.meter) + hooks.flatMap(\.meters) + httpRoutes.compactMap(\.meter)
            + [handshakeMeter].compactMap(\.self)
        if descriptor.usesLanes {
            lanes = (1...host.options.laneCount).map { makeStrand("-\($0)") }
        }
        publicOutline.withLock { $0 = (descriptor.name, allStrands) }
    }

    /// Its name and its strands, also while it is being loaded. [any-thread]
    var outline: (name: String, strands: [Strand]) { publicOutline.withLock { $0 } }

    // MARK: Strands

    private func makeStrand(_ suffix: String) -> Strand {
        Strand(
            name: "jf:\(name)\(suffix)", budget: budget,
            callEvent: { [unowned(unsafe) self] record, state in self.call(record, state) },
            dropEvent: { [unowned(unsafe) self] record in self.drop(record) })
    }

    /// The strand for a callback that is ordered by user.
    ///
    /// - Parameter other: what orders the callbacks of the anonymous.
    func strand(for run: RunMode, user: ByteString?, else other: UInt64) -> Strand {
        switch run {
        case .parallel: leastLoaded
        case .byUser: lane(user.map { Self.hash(of: $0) } ?? other)
        default: strand
        }
    }

    /// The lane of everything with this hash.
    @inline(__always)
    func lane(_ hash: UInt64) -> Strand {
        guard !lanes.isEmpty else { return strand }
        // Fibonacci hashing: handles and short names differ in their low bits only.
        return lanes[Int((hash &* 0x9E37_79B9_7F4A_7C15) &>> 33) % lanes.count]
    }

    /// The lane with the least to do.
    var leastLoaded: Strand {
        var best: Strand = lanes.first ?? strand
        var least = best.load
        for lane in lanes.dropFirst() {
            guard least > 0 else { break }
            let load = lane.load
            if load < least { (best, least) = (lane, load) }
        }
        return best
    }

    static func hash(of text: ByteString) -> UInt64 {
        text.withBytes { EventTable.hash($0) }
    }

    var allStrands: [Strand] { [strand] + lanes }

    // MARK: Status

    var status: PluginStatus {
        var handled: UInt64 = 0
        var time: Int64 = 0
        var slow: UInt64 = 0
        for strand in allStrands {
            handled += strand.handled
            time += strand.nanoseconds
        }
        for meter in meters {
            handled += meter.calls
            slow += meter.slow
            time += meter.nanoseconds
        }
        return PluginStatus(
            name: name, version: descriptor.version, path: path, generation: generation, state: state,
            queued: budget.callbacks,
            queuedBytes: budget.bytes, refused: budget.refusedFull, refusedForSocket: budget.refusedForSocket,
            refusedForUser: budget.refusedForUser,
            refusedOperations: mailboxes.reduce(0) { $0 + $1.refused },
            refusedJoins: refusedJoins.load(ordering: .relaxed),
            leftOutLogLines: log.leftOut, leftOutResults: results.leftOut, refusedWatches: watches.refused,
            handled: handled, handlerNanoseconds: time, slowInlineCalls: slow,
            keptTokens: tokens.kept, timers: timers.count + descriptor.timers.count, streams: streams.count,
            notReady: notReady)
    }
}
