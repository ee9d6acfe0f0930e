extension Configuration {
    /// What the command line says: `nil` and empty leave the file's word.
    public struct Overrides: Sendable, Equatable {
        public var host: String?
        public var port: Int?
        /// Added to the file's plugins; one that the file has already gets the new configuration.
        public var plugins: [PluginArgument] = []
        /// Switches the demo on; it cannot switch it off.
        public var demo = false
        public var logLevel: Log.Level?
        public var logFormat: Log.Format?

        public init() {}
    }
}
