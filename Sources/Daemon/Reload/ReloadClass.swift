/// What a reload of the configuration does with a changed value of a key. `docs/jackfield.yaml` has the same word
/// beside each key.
enum ReloadClass: String, Sendable {
    /// The new value comes into force while the daemon runs.
    case live
    /// The old value stays in force until the daemon starts again.
    case restart

    /// The keys of each class. The name of a section stands for all keys in it. Each key of a configuration file
    /// belongs to exactly one of these names.
    static let keys: [ReloadClass: [String]] = [
        .live: [
            "auth", "bind", "contracts", "cors", "log.level", "pluginPath", "plugins",
            "limits.connections", "limits.httpBody", "limits.memory", "limits.messageBeforeConnect",
            "limits.namespacesPerConnection", "limits.outputBuffer", "limits.pendingAcksPerSocket",
            "limits.pluginQueueBytes", "limits.pluginQueueCallbacks", "limits.pluginQueueSocketShare",
            "limits.pluginQueueUserShare", "limits.pluginResultBytes", "limits.presenceWatchBytesPerSocket",
            "limits.presenceWatchesPerSocket", "limits.recoveryEventBytes", "limits.recoveryEvents",
            "limits.recoverySessionBytes", "limits.recoverySessions", "limits.reloadDeadline",
            "limits.roomsPerSocket", "limits.sessions", "limits.sessionsBeforeConnect", "limits.shutdownDeadline",
            "limits.slowCallback",
            "limits.startDeadline",
        ],
        .restart: [
            "allowUpgrades", "conformance", "connectTimeout", "connectionStateRecovery", "control", "cookie",
            "crashFile", "workerFolder", "demo",
            "eventLoops", "host", "httpCompression", "ioUring", "log.format", "log.repeatInterval",
            "maxHttpBufferSize", "namespaces", "path", "perMessageDeflate", "pingInterval", "pingTimeout", "port",
            "presence", "transports", "tryBeforeReload", "upgradeTimeout",
            // The addresses of open connections and sessions are counted only if there is a limit when they begin.
            "limits.connectionsPerAddress", "limits.sessionsPerAddress",
        ],
    ]

    /// The class of a key, such as `cors.origin`; `nil` if there is no such key.
    init?(of key: String) {
        let found = Self.keys.first { $1.contains { Self.isSame($0, key) || key.hasPrefix("\($0).") } }
        guard let found else { return nil }
        self = found.key
    }

    private static func isSame(_ name: String, _ key: String) -> Bool { name == key || key.hasPrefix("\(name)[") }
}

extension Configuration {
    /// These settings, with those of `new` whose class is ``ReloadClass/live``.
    func adoptingLive(of new: Configuration) -> Configuration {
        var result = self
        result.auth = new.auth
        result.bind = new.bind
        result.contracts = new.contracts
        result.cors = new.cors
        result.databaseURL = new.databaseURL
        result.log.level = new.log.level
        result.pluginPath = new.pluginPath
        result.plugins = new.plugins
        result.limits = new.limits
        result.limits.connectionsPerAddress = limits.connectionsPerAddress
        result.limits.sessionsPerAddress = limits.sessionsPerAddress
        return result
    }
}
