extension Configuration {
    /// Compression of polling responses for clients that accept it.
    public struct HTTPCompression: Sendable, Equatable {
        /// Bytes from which a response is compressed.
        public var threshold = 1024

        public init() {}
    }
}

extension Configuration.HTTPCompression: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        section.read("threshold", into: &threshold, .integer(0...Int(Int32.max), "bytes"))
    }
}
