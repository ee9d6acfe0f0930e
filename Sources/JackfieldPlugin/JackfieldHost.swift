/// The host, as this plugin knows it. Everything here may be called from any thread and never blocks, unless it says otherwise.
///
/// Emitting reads like the reference server's `io`: `host.to("room").except("other").emit("news", item)`.
///
/// `@unchecked Sendable`: all fields are set in `init` and never change, and the header allows the functions they point at on
/// any thread.
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
    let tasks = TaskTable()

    /// Of the host, for logs only: ask for interfaces, never for versions.
    public let version: String

    /// The name of the plugin's entry in the configuration; nil: it has none, and ``Plugin/name`` is used.
    public let entryName: String?

    /// The plugin's file, as the host found it.
    public let path: String

    /// nil if the host speaks another revision of the boundary.
    init?(boot: jf_boot) {
        guard boot.abi == UInt32(JF_ABI), let host = boot.host, let query = boot.query else { return nil }
        // An interface that this host lacks is no failure here: each of its slots answers JF_E_UNSUPPORTED, which becomes a HostError.
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
    }

    /// Writes lines under the plugin's name.
    public var log: Log { Log(host: self) }

    /// Who is online.
    public var presence: HostPresence { HostPresence(host: self) }

    /// Milliseconds since 1970-01-01 UTC. May jump.
    public var now: Int64 { clock(core.wall_ms) }

    /// Nanoseconds since some moment. Never goes back.
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

    /// The plugin's `config` as a type of your own. The error names the key: `config.store must be text`.
    ///
    /// Keys that the type does not know are refused, in the objects inside too: `config: unknown key 'stroe', did you mean 'store'?` A member that is a
    /// ``JSON`` or a dictionary may have any; `config.decode(_:)` passes over all.
    public func config<Settings: Decodable>(_ type: Settings.Type) throws -> Settings {
        try config.bytes.withUnsafeBytes { try JSON.decode(type, from: $0, named: "config", attachments: [], refusing: UnknownKeys()) }
    }
}
