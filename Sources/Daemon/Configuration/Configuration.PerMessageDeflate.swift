extension Configuration {
    /// Compression of WebSocket messages (RFC 7692), under the names of Node's `ws`.
    public struct PerMessageDeflate: Sendable, Equatable {
        /// Bytes from which a message is compressed.
        public var threshold = 1024
        /// Whether the server forgets its window after each message: less memory, weaker compression.
        public var serverNoContextTakeover = false
        /// Whether the client is asked to do the same.
        public var clientNoContextTakeover = false
        /// The server's window as a power of two of bytes.
        public var serverMaxWindowBits = 15
        /// The client's window as a power of two of bytes. Below 15, clients that do not let the server choose are not compressed.
        public var clientMaxWindowBits = 15

        public init() {}
    }
}

extension Configuration.PerMessageDeflate: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        section.read("threshold", into: &threshold, .integer(0...Int(Int32.max), "bytes"))
        section.read("serverNoContextTakeover", into: &serverNoContextTakeover, .boolean)
        section.read("clientNoContextTakeover", into: &clientNoContextTakeover, .boolean)
        // RFC 7692 allows 8 as well; zlib cannot make a raw stream with it.
        section.read("serverMaxWindowBits", into: &serverMaxWindowBits, .integer(9...15, "bits"))
        section.read("clientMaxWindowBits", into: &clientMaxWindowBits, .integer(9...15, "bits"))
    }
}
