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
///     func hello(_ socket: Socket, _ event: borrowing Event) throws {
///         greeted += 1
///         try event.ack("hello \(socket.user ?? "stranger"), you are number \(greeted)")
///     }
/// }
///
/// @c @implementation
/// public func jf_plugin_main(_ boot: UnsafePointer<jf_boot>?, _ plugin: UnsafeMutablePointer<jf_plugin>?) -> Int32 {
///     Greeter.main(boot, plugin)
/// }
/// ```
///
/// Everything runs on the plugin's *strand*, one call at a time, each seeing what the one before wrote; so an instance
/// needs no locks and need not be `Sendable`. What runs elsewhere (`run: .parallel`, `async` hooks, your own threads)
/// must be, and the compiler checks it. ``JackfieldHost/onStrand(_:_:)`` brings you back.
///
/// Nothing that a handler throws reaches the host as more than an error answer; see ``Problem``.
public protocol Plugin: AnyObject, SendableMetatype {
    /// 1 to 64 of a-z, 0-9 and '-': how logs, metrics and operators call it.
    static var name: String { get }

    /// Semantic version.
    static var version: String { get }

    /// Says what the plugin handles. Called once, before there is an instance, also by tools that
    /// only want to look: no I/O.
    static func declare(_ io: Declarations<Self>)

    /// Opens what the plugin needs. May do I/O and take its time. What it throws is the line that the operator reads.
    init(host: JackfieldHost) throws

    /// All declarations are in force; handlers may already have been called.
    func start() throws

    /// The last call: finish what is under way. Threads of your own must have ended when it returns. Where the whole
    /// host stops, the clients have been closed before: what is emitted here reaches nobody.
    func stop()

    /// A watched user has come online or gone offline; see ``HostPresence/watch(_:)``.
    func presence(_ change: PresenceEvent)

    /// Throws while the plugin cannot work, because its store is unreachable, say; `/readyz` then says so too.
    func ready() throws
}

extension Plugin {
    public func start() throws {}
    public func stop() {}
    public func presence(_ change: PresenceEvent) {}
    public func ready() throws {}

    /// The body of `jf_plugin_main`.
    public static func main(_ boot: UnsafePointer<jf_boot>?, _ plugin: UnsafeMutablePointer<jf_plugin>?) -> Int32 {
        guard let boot, let plugin, let host = JackfieldHost(boot: boot.pointee) else { return JF_E_INVALID }
        let declarations = Declarations<Self>()
        declare(declarations)
        Boundary.register(Self.self, host: host, declarations: declarations.all)
        Boundary.describe(plugin, name: name, version: version, declarations: declarations.all)
        return JF_OK
    }
}

/// Times as the host writes them. A plugin needs to import nothing but this module.
public typealias RFC3339 = Support.RFC3339
