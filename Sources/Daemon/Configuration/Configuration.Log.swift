extension Configuration {
    /// What is logged to standard error, and how.
    public struct Log: Sendable, Equatable {
        public var level = Level.info
        public var format = Format.text
        /// Of lines that are alike, one is written in so much time, with how many came; 0: all are.
        public var repeatInterval = Duration.milliseconds(10_000)

        public init() {}
    }
}

extension Configuration.Log: ConfigurationSettings {
    /// The least severity that is logged, under swift-log's names.
    public enum Level: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// The form of a line.
    public enum Format: String, Sendable, CaseIterable {
        /// For people: time, level, message, `key=value`.
        case text
        /// For machines: one JSON object.
        case json
    }

    mutating func read(_ section: ConfigurationSection) {
        section.read("level", into: &level, .choice())
        section.read("format", into: &format, .choice())
        section.read("repeatInterval", into: &repeatInterval, .milliseconds(from: 0))
    }
}
