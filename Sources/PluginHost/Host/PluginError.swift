/// Why a plugin is not running, in one line for its operator: `plugin 'rooms' (./rooms.so): event 3: name 'connect'
/// is reserved by Socket.IO`.
public struct PluginError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a program can tell apart; an operator reads ``description``.
    public enum Kind: Sendable, Equatable {
        /// Nothing to load at that name or path.
        case missing
        /// What is there cannot be loaded: no shared library, of another machine, without
        /// `jf_plugin_main`, unresolved symbols.
        case notAPlugin
        /// Built against another `JF_ABI`, or needing an interface that this host does not have.
        case incompatible
        /// Its descriptor breaks a rule of the header.
        case badDescriptor
        /// It claims what belongs to the host or to a plugin loaded before it.
        case conflict
        /// Its own `jf_plugin_main`, `create` or `start` said no.
        case failed
        /// It did not return within its deadline.
        case timedOut
        /// The host is stopping, or no plugin of that name is loaded.
        case unavailable
    }

    public let kind: Kind
    /// The name the plugin gave itself; before that is known, the one it was asked for by.
    public let plugin: String
    /// Where it was loaded from; `nil` if nothing was found.
    public let path: String?
    /// What is wrong and what to do, without the plugin's name.
    public let problem: String

    public init(_ kind: Kind, plugin: String, path: String?, _ problem: String) {
        self.kind = kind
        self.plugin = plugin
        self.path = path
        self.problem = problem
    }

    public var description: String {
        guard let path else { return "plugin '\(plugin)': \(problem)" }
        return "plugin '\(plugin)' (\(path)): \(problem)"
    }
}
