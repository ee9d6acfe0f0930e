extension Configuration {
    /// How users go online and offline.
    public struct Presence: Sendable, Equatable {
        /// How long a user stays online after the last connection is gone, so that a page reload goes unnoticed; zero: not at all.
        public var gracePeriod = Duration.milliseconds(5_000)

        public init() {}
    }
}

extension Configuration.Presence: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        section.read("grace", into: &gracePeriod, .milliseconds(from: 0))
    }
}
