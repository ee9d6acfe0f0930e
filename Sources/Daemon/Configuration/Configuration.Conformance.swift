extension Configuration {
    /// Raw endpoints over the same code as the real ones, for the official protocol suites. Accepted on loopback hosts only.
    public struct Conformance: Sendable, Equatable {
        /// The path of an Engine.IO endpoint that sends every message back with its own type; `nil`: none.
        public var engineEcho: String?
        /// The path of a WebSocket that does the same; `nil`: none.
        public var webSocketEcho: String?
        /// Bytes of the largest message on these endpoints.
        public var maxMessage = 16_777_216

        public init() {}
    }
}

extension Configuration.Conformance: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        section.read("engineEcho", intoOptional: &engineEcho, .route)
        section.read("webSocketEcho", intoOptional: &webSocketEcho, .route)
        section.read("maxMessage", into: &maxMessage, .integer(1...Int(Int32.max), "bytes"))
    }
}
