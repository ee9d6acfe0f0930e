extension Configuration {
    /// Reads the keys of the file; each replaces the value set before.
    mutating func read(_ section: ConfigurationSection) {
        section.read("host", into: &host, .host)
        section.read("port", into: &port, .port)
        // A session id encodes its loop in one base64 character, so there are at most 64.
        section.read("eventLoops", into: &eventLoops, .integer(0...64, "event loops"))
        section.read("ioUring", into: &ioUring, .boolean)
        readSocketIO(section)
        section.read("cors", feature: &cors, initial: cors ?? CORS())
        section.read("auth", feature: &auth, initial: auth ?? Auth())
        section.read("presence", into: &presence)
        section.read("namespaces", into: &namespaces, ConfigurationRule.namespace.list.distinct())
        section.read("plugins", into: &plugins, .plugins)
        section.read("bind", into: &bind, .boundLibraries)
        section.read("pluginPath", into: &pluginPath, ConfigurationRule.text.list)
        section.read("contracts", into: &contracts, .choice())
        section.read("tryBeforeReload", into: &tryBeforeReload, .boolean)
        section.read("control", switchable: &control, .socketPath)
        section.read("crashFile", switchable: &crashFile, .text)
        section.read("workerFolder", into: &workerFolder, .text)
        limits.fit(messagesOf: maxHttpBufferSize)
        section.read("limits", into: &limits)
        section.read("log", into: &log)
        section.read("conformance", feature: &conformance)
        section.read("demo", into: &demo, .boolean)
        section.refuse(
            "tls", "not available in this version", "remove it, and let a proxy in front of Jackfield speak TLS")
        section.refuse("cluster", "not available in this version", "remove it, and run one node")
        for (name, remedy) in Self.foreignOptions {
            section.refuse(name, "Socket.IO's option, which Jackfield has not", remedy)
        }
    }

    /// Options of the reference server that do not exist here, and what to do instead of setting them.
    private static let foreignOptions = [
        "adapter": "remove it: rooms are kept by the host",
        "addTrailingSlash": "remove it: the path is served with and without a final slash",
        "allowEIO3": "remove it: clients need Engine.IO 4, which came with Socket.IO 3",
        "allowRequest": "remove it: plugins' connect hooks decide who may connect",
        "parser": "remove it: the default parser's packets are spoken",
        "serveClient": "remove it: take the client from npm or a CDN",
        "wsEngine": "remove it: WebSocket is built in",
    ]

    private mutating func readSocketIO(_ section: ConfigurationSection) {
        section.read("path", into: &path, .route)
        section.read("transports", into: &transports, .transports)
        section.read("allowUpgrades", into: &allowUpgrades, .boolean)
        section.read("pingInterval", into: &pingInterval, .milliseconds())
        section.read("pingTimeout", into: &pingTimeout, .milliseconds())
        section.read("upgradeTimeout", into: &upgradeTimeout, .milliseconds())
        section.read("connectTimeout", into: &connectTimeout, .milliseconds())
        section.read("maxHttpBufferSize", into: &maxHttpBufferSize, .integer(1...Int(Int32.max), "bytes"))
        section.read("httpCompression", feature: &httpCompression)
        section.read("perMessageDeflate", feature: &perMessageDeflate)
        section.read("connectionStateRecovery", feature: &connectionStateRecovery)
        section.read("cookie", feature: &cookie)
    }
}

extension ConfigurationRule where Value == String {
    /// A host name or address to bind to. Whether it resolves is checked only when the daemon listens.
    static var host: Self {
        text.and(
            { !$0.contains("/") && !$0.contains("[") && !$0.contains(where: \.isWhitespace) },
            "this is not a host", "write only a name or an address, as in 127.0.0.1, ::1 or 0.0.0.0")
    }

    /// The path of a Unix socket. The system limits its length.
    static var socketPath: Self {
        text.and(
            { (1...UnixAddress.longestPath).contains($0.utf8.count) && !$0.utf8.contains(0) && !$0.hasSuffix("/") },
            "this is not the path of a Unix socket",
            "write a path of at most \(UnixAddress.longestPath) bytes, relative to the working directory if need be")
    }

    /// A namespace. In a packet a comma ends its name, and a question mark begins a query.
    static var namespace: Self {
        text.and(
            { $0.hasPrefix("/") && !$0.contains(",") && !$0.contains("?") },
            "this is not a namespace", "write one like /chat, without commas and question marks")
    }
}

extension ConfigurationRule where Value == Int {
    static var port: Self {
        .integer(0...65535, noun: "a port (0 takes any free one)")
    }
}

extension ConfigurationRule where Value == [Configuration.Transport] {
    /// At least one transport, each once.
    static var transports: Self {
        let refusals = [
            "webtransport": (what: "webtransport is not available", remedy: "write polling, websocket or both")
        ]
        return ConfigurationRule<Configuration.Transport>.choice(refusing: refusals).list.distinct()
            .nonempty("name polling, websocket or both")
    }
}
