/// The functions of the host for one plugin. Unless its comment says otherwise, a function may be called from any
/// thread and does not block.
///
/// Emitting reads like the reference server's `io`: `host.to("room").except("other").emit("news", item)`.
///
/// `@unchecked Sendable`: all fields are set in `init` and never change, and the header allows the functions
/// they point at on any thread.
public final class JackfieldHost: @unchecked Sendable {
    let pointer: OpaquePointer
    let core: jf_core_api
    let tokens: jf_tokens_api
    let events: jf_events_api
    let socketTable: jf_sockets_api
    let roomTable: jf_rooms_api
    let presenceTable: jf_presence_api
    let timerTable: jf_timers_api
    let http: jf_http_api
    let services: jf_services_api
    let tasks = TaskTable()
    let bindings = BindingTable()

    /// The version of the host, for logs. What a host cannot do throws ``HostError`` with `JF_E_UNSUPPORTED`.
    public let version: String

    /// The name of the plugin's entry in the configuration; nil: the entry has none, and ``Plugin/name`` is used.
    public let entryName: String?

    /// The plugin's file, as the host found it.
    public let path: String

    /// nil if the host has another `JF_ABI`.
    init?(boot: jf_boot) {
        guard boot.abi == UInt32(JF_ABI), let host = boot.host, let query = boot.query else { return nil }
        // An interface that this host does not have is no failure here: each of its slots returns JF_E_UNSUPPORTED,
        // which becomes a HostError.
        func table<Table>(_ id: String, _ empty: Table) -> Table {
            var table = empty
            withUnsafeMutableBytes(of: &table) { _ = query(host, id, $0.baseAddress, UInt64($0.count)) }
            return table
        }
        pointer = host
        version = String(boot.host_version)
        entryName = .unlessEmpty(boot.name)
        path = String(boot.path)
        core = table(JF_CORE, jf_core_api())
        tokens = table(JF_TOKENS, jf_tokens_api())
        events = table(JF_EVENTS, jf_events_api())
        socketTable = table(JF_SOCKETS, jf_sockets_api())
        roomTable = table(JF_ROOMS, jf_rooms_api())
        presenceTable = table(JF_PRESENCE, jf_presence_api())
        timerTable = table(JF_TIMERS, jf_timers_api())
        http = table(JF_HTTP, jf_http_api())
        services = table(JF_SERVICES, jf_services_api())
    }

    /// The log, under the plugin's name.
    public var log: Log { Log(host: self) }

    /// The users who are online.
    public var presence: HostPresence { HostPresence(host: self) }

    /// Milliseconds since 1970-01-01 UTC. May jump.
    public var now: Int64 { clock(core.wall_ms) }

    /// Nanoseconds since an arbitrary moment. Never goes back.
    public var monotonic: Int64 { clock(core.mono_ns) }

    private func clock(_ read: (@convention(c) (OpaquePointer?, UnsafeMutablePointer<Int64>?) -> Int32)?) -> Int64 {
        var value: Int64 = 0
        _ = read?(pointer, &value)
        return value
    }

    /// The plugin's `config` as JSON, `{}` if there is none.
    public var config: JSON {
        var text = jf_text()
        guard core.config?(pointer, &text) == JF_OK, text.len > 0 else { return JSON(unchecked: Array("{}".utf8)) }
        return JSON(unchecked: Array(UnsafeRawBufferPointer(text)))
    }

    /// Decodes the plugin's `config` as a type of your own. The error names the key: `config.store must be text`.
    ///
    /// Keys that the type does not know are refused, also in nested objects: `config: unknown key 'stroe', did you mean
    /// 'store'?` A member of type ``JSON`` or a dictionary may have any keys. `config.decode(_:)` ignores unknown keys.
    public func config<Settings: Decodable>(_ type: Settings.Type) throws -> Settings {
        try config.bytes.withUnsafeBytes {
            try JSON.decode(type, from: $0, named: "config", attachments: [], refusing: UnknownKeys())
        }
    }
}

extension JackfieldHost {
    /// All sockets of a namespace: `host.of("/chat").emit("news", item)`. The methods below are for `/`.
    public func of(_ namespace: String) -> BroadcastOperator { BroadcastOperator(host: self, namespace: namespace) }

    /// All sockets of all namespaces.
    public var everywhere: BroadcastOperator {
        var all = of("")
        all.targetFlags = JF_TARGET_EVERY_NSP
        return all
    }

    /// The sockets in any of the rooms. An event reaches each socket once. A socket's own id is a room.
    public func to(_ rooms: String...) -> BroadcastOperator { of("/").to(rooms) }

    /// Every socket of this user, on all tabs and devices.
    public func to(user: String) -> BroadcastOperator { of("/").to(user: user) }

    /// All sockets except those in any of the rooms.
    public func except(_ rooms: String...) -> BroadcastOperator { of("/").except(rooms) }

    /// The event is dropped for a client whose transport is not ready to send.
    public var volatile: BroadcastOperator { of("/").volatile }

    /// Only the sockets of this node.
    public var local: BroadcastOperator { of("/").local }

    /// How long ``BroadcastOperator/emitWithAck(_:_:)`` waits, in milliseconds.
    public func timeout(_ milliseconds: UInt32) -> BroadcastOperator { of("/").timeout(milliseconds) }

    /// Sends an event to all sockets of `/`.
    public func emit(_ name: String, _ arguments: any Encodable...) throws {
        try of("/").emit(name, arguments: EventArguments(arguments))
    }

    /// The socket of a stored handle. It may be gone: the calls of ``Socket`` report that.
    public func socket(_ handle: jf_socket, namespace: String = "/", user: String? = nil) -> Socket {
        Socket(host: self, handle: handle, namespace: namespace, user: user)
    }
}

extension JackfieldHost {
    /// Runs `work` on the strand with the plugin's instance, after the tasks that were posted before.
    ///
    /// Throws ``HostError`` with `JF_E_LIMIT` if the plugin's queue is full.
    public func onStrand<P: Plugin>(_ type: P.Type, _ work: @escaping @Sendable (P) -> Void) throws {
        let key = tasks.add(Self.typed(work))
        do {
            try check(
                core.post?(pointer, TaskTable.run, UnsafeMutableRawPointer(bitPattern: key), TaskTable.free),
                "core.post")
        } catch {
            tasks.remove(key)
            throw error
        }
    }

    /// Runs `work` on the strand once, not before `delay` (at most 30 days) has passed.
    @discardableResult
    public func after<P: Plugin>(
        _ delay: Duration, _ type: P.Type, _ work: @escaping @Sendable (P) -> Void
    ) throws -> OneShotTimer {
        let key = tasks.add(Self.typed(work))
        var timer: jf_timer = 0
        do {
            try check(
                timerTable.after?(
                    pointer, delay.milliseconds, TaskTable.run, UnsafeMutableRawPointer(bitPattern: key),
                    TaskTable.free, &timer),
                "timers.after")
        } catch {
            tasks.remove(key)
            throw error
        }
        return OneShotTimer(host: self, timer: timer)
    }

    /// The instance is always a `P`, because one image holds one plugin. If it is not, `work` is not called.
    private static func typed<P: Plugin>(_ work: @escaping @Sendable (P) -> Void) -> TaskTable.Work {
        { plugin in
            if let plugin = plugin as? P { work(plugin) }
        }
    }
}

extension Duration {
    /// Rounded up, so that no timer fires early; 0 for a negative duration.
    var milliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(seconds) * 1000 + UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}

/// A timer made with ``JackfieldHost/after(_:_:_:)``.
public struct OneShotTimer: Sendable {
    let host: JackfieldHost
    let timer: jf_timer

    /// Cancels the timer. Returns true if it will not fire, false if it has fired or is about to.
    @discardableResult
    public func cancel() -> Bool {
        host.timerTable.cancel?(host.pointer, timer) == JF_OK
    }
}

extension JackfieldHost {
    /// Calls `body` once, on the calling thread. The host collects what `body` emits, answers and changes on this
    /// thread and passes it to the event loops when `body` returns, in order: it wakes each loop once.
    ///
    /// Use it for many results at once on a thread of your own, such as the answers to all requests of one commit. Keep
    /// it short, because the first emit waits for the last.
    public func batch(_ body: () -> Void) {
        // If the host refuses the call (it has no `batch`, or the plugin has stopped), `body` runs without a batch.
        withoutActuallyEscaping(body) { body in
            let call = Call(body)
            withExtendedLifetime(call) {
                _ = core.batch?(
                    pointer,
                    { _, context in context.map { Unmanaged<Call>.fromOpaque($0).takeUnretainedValue().run() } },
                    Unmanaged.passUnretained(call).toOpaque())
            }
            if !call.isDone { call.run() }
        }
    }

    /// The context of `jf_core_api.batch`: `isDone` says whether the host has called the closure.
    private final class Call {
        private let body: () -> Void
        private(set) var isDone = false

        init(_ body: @escaping () -> Void) { self.body = body }

        func run() {
            isDone = true
            body()
        }
    }
}

/// Writes log lines under the plugin's name. Lines beyond 100 in a second are counted and not written.
public struct Log: Sendable {
    let host: JackfieldHost

    public func debug(_ line: @autoclosure () -> String) { write(JF_LOG_DEBUG, line()) }
    public func info(_ line: @autoclosure () -> String) { write(JF_LOG_INFO, line()) }
    public func warning(_ line: @autoclosure () -> String) { write(JF_LOG_WARNING, line()) }
    public func error(_ line: @autoclosure () -> String) { write(JF_LOG_ERROR, line()) }

    private func write(_ level: UInt32, _ line: String) {
        withText(line) { _ = host.core.log?(host.pointer, level, $0) }
    }
}
