import Yams

extension Configuration {
    /// Cross-origin access: response headers for HTTP, a check of `Origin` for WebSockets.
    public struct CORS: Sendable, Equatable {
        /// Origins that are allowed. The daemon's own origin always is.
        public var origin = Origin.list(["http://localhost:3000"])
        /// Whether browsers may send cookies and tokens. Off by default when `origin` is `.any`.
        public var credentials = true
        /// Methods that the answer to a preflight allows.
        public var methods = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
        /// Headers that the answer to a preflight allows; `nil`: those that the preflight asks for.
        public var allowedHeaders: [String]?
        /// Response headers that scripts may read.
        public var exposedHeaders: [String] = []
        /// Seconds for which a browser may cache the answer to a preflight; `nil`: the browser's default.
        public var maxAge: Int?

        public init() {}
    }
}

extension Configuration.CORS: ConfigurationSettings {
    /// The origins that are allowed.
    public enum Origin: Sendable, Equatable {
        /// Every origin, answered with `*`. Browsers then allow no credentials.
        case any
        /// Every origin, answered with the request's own `Origin`. Works with credentials.
        case reflect
        /// This origin, in the form browsers send: `https://example.com:8443`. Every answer names it, whatever the
        /// request's `Origin` is, so browsers block all other origins.
        case one(String)
        /// The request's `Origin`, if it is in the list.
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

extension ConfigurationRule where Value == Configuration.CORS.Origin {
    /// `"*"`, `true`, an origin, or a list of origins.
    static var origin: Self {
        ConfigurationRule { value in
            switch value.scalar {
            case .boolean(true): return .reflect
            case .boolean(false):
                value.refuse("false allows nobody", "write cors: false to switch CORS off altogether")
                return nil
            case .text("*"): return .any
            case .text?: return ConfigurationRule<String>.webOrigin.apply(value).map { .one($0) }
            default: return ConfigurationRule<String>.webOrigin.list.apply(value).map { .list($0) }
            }
        }
    }
}

extension ConfigurationRule where Value == String {
    /// An origin as browsers send it: scheme, host, and a port other than the scheme's default, in lower case and
    /// without a path.
    static var webOrigin: Self {
        ConfigurationRule { value in
            guard let text = ConfigurationRule<String>.text.apply(value) else { return nil }
            if text == "*" {
                value.refuse("\"*\" stands in a list", "write origin: \"*\" for everybody, or list origins only")
                return nil
            }
            // Sandboxed frames and pages from files send this.
            if text == "null" { return text }
            guard let origin = WebOrigin(text) else {
                value.refuse("'\(text)' is not an origin", "write scheme://host[:port], as in http://localhost:3000")
                return nil
            }
            guard !origin.hasPath else {
                value.refuse("an origin ends with its host or port", "write \(origin.serialized)")
                return nil
            }
            return origin.serialized
        }
    }
}

extension ConfigurationRule where Value == [String] {
    /// A list of names, or one text with commas between them. Node's `cors` accepts both.
    static func names(_ element: ConfigurationRule<String>) -> Self {
        ConfigurationRule { value in
            guard case .scalar(let scalar) = value.node, scalar.string.contains(",") else {
                return element.list.apply(value)
            }
            let parts = scalar.string.split(separator: ",").map { part in
                let text = String(part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
                let node = Node.scalar(Node.Scalar(text, scalar.tag, scalar.style, scalar.mark))
                return element.apply(ConfigurationValue(node: node, key: value.key, reader: value.reader))
            }
            return parts.contains(nil) ? nil : parts.compactMap { $0 }
        }
    }
}

/// The origin of a URL, serialized as in RFC 6454, section 6.2.
struct WebOrigin {
    /// `https://example.com` or `http://localhost:3000`.
    let serialized: String
    /// Whether the text continues after the origin, even with only a slash.
    let hasPath: Bool

    /// `nil` when the text is no URL with a host.
    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://") else { return nil }
        let scheme = text[..<separator.lowerBound].lowercased()
        guard let first = scheme.first, first.isASCII, first.isLetter,
            scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) })
        else { return nil }
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        hasPath = authority.endIndex != rest.endIndex

        var host = authority[...]
        var port: Int?
        // A colon inside the brackets of an IPv6 address does not begin a port.
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            let digits = authority[authority.index(after: colon)...]
            guard let number = Int(digits), (1...65535).contains(number) else { return nil }
            port = number
            host = authority[..<colon]
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"@\\*,\"<>".utf8.contains($0) }) else {
            return nil
        }
        let standard = ["http": 80, "https": 443][scheme]
        let suffix = port.flatMap { $0 == standard ? nil : ":\($0)" } ?? ""
        serialized = "\(scheme)://\(host.lowercased())\(suffix)"
    }
}
