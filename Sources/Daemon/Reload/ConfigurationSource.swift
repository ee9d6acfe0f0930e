import Foundation

/// Where the settings of a daemon come from: a file, the environment, and the flags of its command line. Kept, so that
/// they can be read again with the same precedence.
public struct ConfigurationSource: Sendable {
    /// `nil`: there is none.
    public let file: String?
    private let environment: [String: String]
    private let overrides: Configuration.Overrides

    /// Keeps the environment as it is now: a plugin may change that of the process later.
    public init(file: String?, overrides: Configuration.Overrides) {
        self.file = file
        self.overrides = overrides
        environment = ProcessInfo.processInfo.environment
    }

    /// Reads the file, and the key files that it names. Blocks on the file system.
    public func load() throws(ConfigurationProblems) -> Configuration {
        try Configuration.load(file: file, environment: environment, overrides: overrides)
    }
}
