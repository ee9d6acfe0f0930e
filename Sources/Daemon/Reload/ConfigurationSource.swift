import Foundation

/// Where the settings of a daemon come from: a file, the environment, and the flags of its command line. Kept, so that
/// they can be read again with the same precedence.
public struct ConfigurationSource: Sendable {
    /// `nil`: there is none.
    public let file: String?
    private let environment: [String: String]
    private let overrides: Configuration.Overrides
    /// The crashes for which plugins are isolated.
    private var crashes: [CrashRecord] = []

    /// Keeps the environment as it is now: a plugin may change that of the process later.
    public init(file: String?, overrides: Configuration.Overrides) {
        self.file = file
        self.overrides = overrides
        environment = ProcessInfo.processInfo.environment
    }

    /// The same source; the plugins with `onCrash: isolate` that these records name are isolated.
    func isolating(_ crashes: [CrashRecord]) -> ConfigurationSource {
        var source = self
        source.crashes = crashes
        return source
    }

    /// Reads the file, and the key files that it names. Blocks on the file system.
    public func load() throws(ConfigurationProblems) -> Configuration {
        var configuration = try Configuration.load(file: file, environment: environment, overrides: overrides)
        configuration.isolate(crashes)
        return configuration
    }
}
