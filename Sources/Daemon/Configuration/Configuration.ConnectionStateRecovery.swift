extension Configuration {
    /// Restoring of a session, its rooms and its missed events after a short disconnection.
    public struct ConnectionStateRecovery: Sendable, Equatable {
        /// How long a session waits for its client.
        public var maxDisconnectionDuration = Duration.milliseconds(120_000)
        /// Whether a restored session passes the connect hooks unasked.
        public var skipMiddlewares = true

        public init() {}
    }
}

extension Configuration.ConnectionStateRecovery: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        section.read("maxDisconnectionDuration", into: &maxDisconnectionDuration, .milliseconds())
        section.read("skipMiddlewares", into: &skipMiddlewares, .boolean)
    }
}
