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
    /// An origin as browsers send it: scheme, host, and a port that is not the scheme's own; in lower case, nothing behind.
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
