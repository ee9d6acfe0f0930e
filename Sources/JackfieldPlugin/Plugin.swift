@_exported import CJackfield
import Support

/// A domain service that a Jackfield host loads.
///
/// ```swift
/// import JackfieldPlugin
///
/// final class Greeter: Plugin {
///     static let name = "greeter", version = "1.0.0"
///     var greeted = 0
///
///     init(host: JackfieldHost) throws {}
///
///     static func declare(_ io: Declarations<Greeter>) {
///         io.on("hello", Greeter.hello)
///     }
///
///     func hello(_ socket: Socket) -> String {
///         greeted += 1
///         return "hello, \(socket.user ?? "stranger"): you are number \(greeted)"
///     }
/// }
///
/// @c @implementation
/// public func jf_plugin_main(_ boot: UnsafePointer<jf_boot>?, _ plugin: UnsafeMutablePointer<jf_plugin>?) -> Int32 {
///     Greeter.main(boot, plugin)
/// }
/// ```
///
/// The host calls the methods of a plugin on its *strand*: one OS thread, one call at a time. An instance therefore
/// needs no locks and need not be `Sendable`. Code that runs elsewhere (`run: .parallel`, `async` hooks, your own
/// threads) must be `Sendable`, and the compiler checks it; from there, ``JackfieldHost/onStrand(_:_:)`` runs a closure
/// on the strand.
///
/// If a handler throws, the client gets an error answer; see ``Problem``.
public protocol Plugin: AnyObject, SendableMetatype {
    /// The name in logs and metrics: 1 to 64 of a-z, 0-9 and '-'.
    static var name: String { get }

    /// Semantic version.
    static var version: String { get }

    /// Declares the events, namespaces, routes, timers and services of the plugin. Called once, before `init`, also by
    /// tools that only read the declarations: it must not do I/O.
    static func declare(_ io: Declarations<Self>)

    /// Opens what the plugin needs. May do I/O and may block, up to `limits.startDeadline` of the configuration. The
    /// operator reads the error that it throws in the log.
    init(host: JackfieldHost) throws

    /// All declarations are in force; handlers may already have been called.
    func start() throws

    /// The last call: finish the work in progress. Your own threads must have ended when it returns. If the whole host
    /// stops, all clients have been disconnected before, and an emit here reaches no client.
    func stop()

    /// A watched user has come online or gone offline; see ``HostPresence/watch(_:)``.
    func presence(_ change: PresenceEvent)

    /// Throws while the plugin cannot work, for instance because its database is unreachable; `/readyz` shows the
    /// error. Called every 2 s.
    func ready() throws

    /// The host replaces this plugin by a new version of its file: returns what that version needs; nil: nothing. No
    /// handler runs, and answers that handlers owe have not all been given: the host waits for them afterwards. If it
    /// throws, the plugin goes on.
    func save() throws -> ReloadState?

    /// Called between `init` and `start` if the version before has saved a state. If it throws, the version before goes
    /// on. Without this method, a saved state is refused.
    func restore(_ state: ReloadState) throws

    /// The reload has failed after `save`: this plugin goes on. For what `save` has stopped.
    func resumed()
}

extension Plugin {
    public func start() throws {}
    public func stop() {}
    public func presence(_ change: PresenceEvent) {}
    public func ready() throws {}
    public func save() throws -> ReloadState? { nil }
    public func restore(_ state: ReloadState) throws {
        throw Problem(
            500, "internal",
            "version \(state.savedBy) has saved a state, and version \(Self.version) does not restore any; unload the plugin first, to start without the state"
        )
    }
    public func resumed() {}

    /// The body of `jf_plugin_main`.
    public static func main(_ boot: UnsafePointer<jf_boot>?, _ plugin: UnsafeMutablePointer<jf_plugin>?) -> Int32 {
        guard let boot, let plugin, let host = JackfieldHost(boot: boot.pointee) else { return JF_E_INVALID }
        let declarations = Declarations<Self>()
        declare(declarations)
        // The host learns only that the load failed, so the log says why.
        guard declarations.all.problems.isEmpty else {
            for problem in declarations.all.problems { host.log.error(problem) }
            return JF_E_INVALID
        }
        Boundary.register(Self.self, host: host, declarations: declarations.all)
        Boundary.describe(plugin, name: name, version: version, declarations: declarations.all)
        return JF_OK
    }
}

/// The time format of the host. Exported, so that a plugin needs to import only this module.
public typealias RFC3339 = Support.RFC3339
