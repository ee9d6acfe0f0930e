extension Configuration {
    /// Cross-origin access, for HTTP by headers and for WebSockets by the `Origin` they name.
    public struct CORS: Sendable, Equatable {
        /// Who may. The daemon's own origin always may.
        public var origin = Origin.list(["http://localhost:3000"])
        /// Whether browsers may send cookies and tokens along. Off by itself when `origin` is `.any`.
        public var credentials = true
        /// What a preflight answers as allowed methods.
        public var methods = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
        /// What a preflight answers as allowed headers; `nil`: whatever it asks for.
        public var allowedHeaders: [String]?
        /// Response headers that scripts may read.
        public var exposedHeaders: [String] = []
        /// Seconds for which a browser may keep a preflight's answer; `nil`: the browser's own default.
        public var maxAge: Int?

        public init() {}
    }
}

extension Configuration.CORS: ConfigurationSettings {
    /// The origins that may.
    public enum Origin: Sendable, Equatable {
        /// Every origin, answered with `*`; without credentials, as browsers demand.
        case any
        /// Every origin, answered with its own name; works with credentials.
        case reflect
        /// This one, in the form browsers send: `https://example.com:8443`. Everybody is told so, whoever asks; browsers of other origins stop there.
        case one(String)
        /// Whoever asks and is in the list.
        case list([String])
    }

    mutating func read(_ section: ConfigurationSection) {
        section.read("origin", into: &origin, .origin)
        if origin == .any { credentials = false }
        section.read("credentials", into: &credentials, .boolean)
        section.read("methods", into: &methods, .names(.token("a method")))
        section.read("allowedHeaders", intoOptional: &allowedHeaders, .names(.token("a header name")))
        section.read("exposedHeaders", into: &exposedHeaders, .names(.token("a header name")))
        section.read("maxAge", intoOptional: &maxAge, .integer(0...Int(Int32.max), "seconds"))
        if origin == .any, credentials {
            section.reader.refuse(
                section.path("credentials"), "browsers refuse credentials with the origin \"*\"",
                "list the origins, write origin: true, or credentials: false")
        }
    }
}
