import Yams

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
        /// This one, in the form browsers send: `https://example.com:8443`. Everybody is told so, whoever asks;
        /// browsers of other origins stop there.
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
    /// An origin as browsers send it: scheme, host, and a port that is not the scheme's own; in
    /// lower case, nothing behind.
    static var webOrigin: Self {
        ConfigurationRule { value in
            guard let text = ConfigurationRule<String>.text.apply(value) else { return nil }
            if text == "*" {
                value.refuse("\"*\" stands in a list", "write origin: \"*\" for everybody, or list origins only")
                return nil
            }
            // What a sandboxed frame or a page from a file sends.
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
    /// A list of names, or one text with commas between them, as Node's `cors` takes both.
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

/// The origin part of a URL, serialized as RFC 6454 has browsers do it.
struct WebOrigin {
    /// `https://example.com` or `http://localhost:3000`.
    let serialized: String
    /// Whether something, if only a slash, followed the origin.
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
        // A colon inside the brackets of an IPv6 address is no port's.
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
