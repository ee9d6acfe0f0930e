extension Configuration {
    /// A transport of Engine.IO.
    public enum Transport: String, Sendable, CaseIterable {
        case polling, websocket
    }
}

extension Configuration {
    /// The cookie of the polling handshake: the Engine.IO session id, for load balancers that route by it.
    public struct Cookie: Sendable, Equatable {
        public var name = "io"
        public var path = "/"
        public var httpOnly = true
        public var sameSite = SameSite.lax
        public var secure = false
        public var domain: String?
        /// Seconds to keep it, as in the `Max-Age` attribute; `nil`: until the browser is closed.
        public var maxAge: Int?

        public init() {}
    }
}

extension Configuration.Cookie: ConfigurationSettings {
    /// When a browser sends the cookie across sites.
    public enum SameSite: String, Sendable, CaseIterable {
        case strict, lax, none
    }

    mutating func read(_ section: ConfigurationSection) {
        section.read("name", into: &name, .token("a cookie name"))
        section.read(
            "path", into: &path, .attribute.and({ $0.hasPrefix("/") }, "this is not a path", "write one like /"))
        section.read("httpOnly", into: &httpOnly, .boolean)
        section.read("sameSite", into: &sameSite, .choice())
        section.read("secure", into: &secure, .boolean)
        section.read("domain", intoOptional: &domain, .attribute)
        section.read("maxAge", intoOptional: &maxAge, .integer(0...Int(Int32.max), "seconds"))
        if sameSite == .none, !secure {
            section.reader.refuse(
                section.path("sameSite"), "browsers refuse a cookie with SameSite=None that is not Secure",
                "add secure: true, or write sameSite: lax")
        }
    }
}

extension ConfigurationRule where Value == String {
    /// A token of RFC 9110, section 5.6.2: what header, cookie and method names are made of.
    static func token(_ what: String) -> Self {
        let marks = "!#$%&'*+-.^_`|~"
        return text.and(
            { $0.allSatisfy { marks.contains($0) || ($0.isASCII && ($0.isLetter || $0.isNumber)) } },
            "this is not \(what)", "use letters, digits and \(marks)")
    }

    /// The value of a cookie attribute. A `;` in it would begin another attribute, a line break another header.
    fileprivate static var attribute: Self {
        text.and(
            { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") } },
            "this cannot stand in a cookie", "use ASCII without semicolons and control characters")
    }
}

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

extension Configuration {
    /// Compression of WebSocket messages (RFC 7692), under the names of Node's `ws`.
    public struct PerMessageDeflate: Sendable, Equatable {
        /// Bytes from which a message is compressed.
        public var threshold = 1024
        /// Whether the server clears its window after each message: less memory, weaker compression.
        public var serverNoContextTakeover = false
        /// Whether the client is asked to do the same.
        public var clientNoContextTakeover = false
        /// The server's window as a power of two of bytes.
        public var serverMaxWindowBits = 15
        /// The client's window as a power of two of bytes. Below 15, messages of clients that do not let the server
        /// choose the window are not compressed.
        public var clientMaxWindowBits = 15

        public init() {}
    }
}

extension Configuration.PerMessageDeflate: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        section.read("threshold", into: &threshold, .integer(0...Int(Int32.max), "bytes"))
        section.read("serverNoContextTakeover", into: &serverNoContextTakeover, .boolean)
        section.read("clientNoContextTakeover", into: &clientNoContextTakeover, .boolean)
        // RFC 7692 also allows 8, but zlib cannot write a raw stream with it.
        section.read("serverMaxWindowBits", into: &serverMaxWindowBits, .integer(9...15, "bits"))
        section.read("clientMaxWindowBits", into: &clientMaxWindowBits, .integer(9...15, "bits"))
    }
}

extension Configuration {
    /// Recovery of a session, its rooms and its missed events after a short disconnection.
    public struct ConnectionStateRecovery: Sendable, Equatable {
        /// How long a session is kept after its connection was lost.
        public var maxDisconnectionDuration = Duration.milliseconds(120_000)
        /// Whether the connect hooks are skipped for a recovered session.
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

extension Configuration {
    /// Echo endpoints for the official protocol test suites. They use the same code as the normal endpoints, and are
    /// allowed on loopback hosts only.
    public struct Conformance: Sendable, Equatable {
        /// Path of an Engine.IO endpoint that sends every message back with the same type; `nil`: none.
        public var engineEcho: String?
        /// Path of a WebSocket endpoint that does the same; `nil`: none.
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
