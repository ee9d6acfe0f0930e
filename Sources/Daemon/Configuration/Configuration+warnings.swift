extension Configuration {
    /// What is allowed and yet seldom meant: to be logged once at start.
    public var warnings: [String] {
        var warnings: [String] = []
        if auth == nil, !isLoopback {
            warnings.append(
                "auth is off, and \(host) can be reached from outside: whoever connects is let in unless a plugin refuses")
        }
        if redisURL != nil {
            warnings.append("REDIS_URL is set, but this version knows no cluster: this node runs alone")
        }
        return warnings
    }
}
