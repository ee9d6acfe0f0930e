extension Configuration {
    /// A plugin on the command line: `PATH`, or `PATH=CONFIG` with the plugin's configuration in JSON or YAML.
    public struct PluginArgument: Sendable, Equatable {
        public var path: String
        /// As typed; `nil` leaves the plugin its own defaults.
        public var config: String?

        public init(path: String, config: String? = nil) {
            self.path = path
            self.config = config
        }

        /// Splits at the first `=`; `nil` when no path stands before it.
        public init?(argument: String) {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let path = parts.first, !path.isEmpty else { return nil }
            self.init(path: String(path), config: parts.count == 2 ? String(parts[1]) : nil)
        }
    }
}
