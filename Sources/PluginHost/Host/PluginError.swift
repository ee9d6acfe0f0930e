/// Why a plugin is not running, in one line for its operator: `plugin 'rooms' (./rooms.so): event 3: name 'connect'
/// is reserved by Socket.IO`.
public struct PluginError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure, for programs; operators read ``description``.
    public enum Kind: Sendable, Equatable {
        /// No file was found at that name or path.
        case missing
        /// The file cannot be loaded: not a shared library, built for another machine, without `jf_plugin_main`,
        /// unresolved symbols.
        case notAPlugin
        /// It is built for another `JF_ABI`, or needs an interface that this host does not have.
        case incompatible
        /// Its descriptor breaks a rule of the header.
        case badDescriptor
        /// It claims something that belongs to the host or to a plugin loaded before it.
        case conflict
        /// Its `jf_plugin_main`, `create` or `start` returned an error.
        case failed
        /// It did not return within its deadline.
        case timedOut
        /// The host is stopping, or no plugin of that name is loaded.
        case unavailable
    }

    public let kind: Kind
    /// The plugin's own name; before that is known, the name or path it was requested by.
    public let plugin: String
    /// The file it was loaded from; `nil` if none was found.
    public let path: String?
    /// What is wrong and what to do, without the plugin's name.
    public let problem: String
    /// Whether it is a library of the configuration's `bind`, whose author knows of no plugin.
    public let isLibrary: Bool

    public init(_ kind: Kind, plugin: String, path: String?, isLibrary: Bool = false, _ problem: String) {
        self.kind = kind
        self.isLibrary = isLibrary
        self.plugin = plugin
        self.path = path
        self.problem = problem
    }

    public var description: String {
        guard let path else { return "plugin '\(plugin)': \(problem)" }
        guard isLibrary else { return "plugin '\(plugin)' (\(path)): \(problem)" }
        let file = path.utf8.split(separator: UInt8(ascii: "/")).last
        let hasOwnName = file?.starts(with: plugin.utf8) != true
        return "library '\(path)'\(hasOwnName ? " (\(plugin))" : ""): \(problem)"
    }
}
