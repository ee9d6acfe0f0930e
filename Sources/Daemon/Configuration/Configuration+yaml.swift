import Glibc
import PluginHost
import RawJSON

extension Configuration {
    /// The effective settings as a configuration file, without keys and without the plugins' own configurations.
    ///
    /// Loading it with the same keys and plugin configurations gives the same settings.
    public var yaml: String { written.text }

    /// Each key of ``yaml`` with its value, in the same order. The key of a section that may be off is among them, with
    /// whether it is on.
    var settings: [(key: String, value: JSONValue)] { written.settings }

    private var written: SettingsWriter {
        var output = SettingsWriter()
        output.write("host", text: host)
        output.write("port", port)
        output.write("eventLoops", eventLoops)
        output.write("ioUring", ioUring)
        write(socketIO: &output)
        output.feature("cors", cors) { cors, output in cors.write(to: &output) }
        output.feature("auth", auth) { auth, output in auth.write(to: &output) }
        output.section("presence") { $0.write("gracePeriod", presence.gracePeriod) }
        output.write("namespaces", list: namespaces)
        output.write("plugins", json: .array(plugins.map(\.json)))
        output.write("bind", json: .array(bind.map(\.json)))
        output.write("pluginPath", list: pluginPath)
        output.write("contracts", contracts)
        output.write("tryBeforeReload", tryBeforeReload)
        output.write("control", optional: control)
        output.write("crashFile", optional: crashFile)
        output.write("workerFolder", text: workerFolder)
        output.section("limits") { limits.write(to: &$0) }
        output.section("log") {
            $0.write("level", log.level)
            $0.write("format", log.format)
            $0.write("repeatInterval", log.repeatInterval)
        }
        output.feature("conformance", conformance) { conformance, output in
            output.write("engineEcho", optional: conformance.engineEcho)
            output.write("webSocketEcho", optional: conformance.webSocketEcho)
            output.write("maxMessage", conformance.maxMessage)
        }
        output.write("demo", demo)
        return output
    }

    private func write(socketIO output: inout SettingsWriter) {
        output.write("path", text: path)
        output.write("transports", list: transports.map(\.rawValue))
        output.write("allowUpgrades", allowUpgrades)
        output.write("pingInterval", pingInterval)
        output.write("pingTimeout", pingTimeout)
        output.write("upgradeTimeout", upgradeTimeout)
        output.write("connectTimeout", connectTimeout)
        output.write("maxHttpBufferSize", maxHttpBufferSize)
        output.feature("httpCompression", httpCompression) { $1.write("threshold", $0.threshold) }
        output.feature("perMessageDeflate", perMessageDeflate) { deflate, output in
            output.write("threshold", deflate.threshold)
            output.write("serverNoContextTakeover", deflate.serverNoContextTakeover)
            output.write("clientNoContextTakeover", deflate.clientNoContextTakeover)
            output.write("serverMaxWindowBits", deflate.serverMaxWindowBits)
            output.write("clientMaxWindowBits", deflate.clientMaxWindowBits)
        }
        output.feature("connectionStateRecovery", connectionStateRecovery) { recovery, output in
            output.write("maxDisconnectionDuration", recovery.maxDisconnectionDuration)
            output.write("skipMiddlewares", recovery.skipMiddlewares)
        }
        output.feature("cookie", cookie) { cookie, output in
            output.write("name", text: cookie.name)
            output.write("path", text: cookie.path)
            output.write("httpOnly", cookie.httpOnly)
            output.write("sameSite", cookie.sameSite)
            output.write("secure", cookie.secure)
            output.write("domain", optional: cookie.domain)
            output.write("maxAge", optional: cookie.maxAge)
        }
    }
}

extension Configuration.CORS {
    fileprivate func write(to output: inout SettingsWriter) {
        switch origin {
        case .any: output.write("origin", text: "*")
        case .reflect: output.write("origin", true)
        case .one(let origin): output.write("origin", text: origin)
        case .list(let origins): output.write("origin", list: origins)
        }
        output.write("credentials", credentials)
        output.write("methods", list: methods)
        output.write("allowedHeaders", json: allowedHeaders.map { .array($0.map { .string($0) }) } ?? .null)
        output.write("exposedHeaders", list: exposedHeaders)
        output.write("maxAge", optional: maxAge)
    }
}

extension Configuration.Auth {
    fileprivate func write(to output: inout SettingsWriter) {
        output.write("required", required)
        output.write("algorithms", list: algorithms.map(\.rawValue))
        if let secret { output.comment("secret: \(secret)") }
        if let developmentKeyFile { output.comment("secretFile: \(developmentKeyFile), made on first start") }
        if let publicKey { output.comment("publicKey: \(publicKey.count) bytes") }
        if let keySet { output.comment("jwks: \(keySet.count) bytes") }
        output.write("issuer", list: issuers)
        output.write("audience", list: audiences)
        output.write("leeway", leeway)
        output.write("requireExpiry", requireExpiry)
        output.write("maxAge", optional: maxAge?.wholeMilliseconds)
        output.write("userClaim", text: userClaim)
    }
}

extension Configuration.Limits {
    fileprivate func write(to output: inout SettingsWriter) {
        output.write("connections", connections)
        output.write("connectionsPerAddress", connectionsPerAddress)
        output.write("sessions", sessions)
        output.write("sessionsPerAddress", sessionsPerAddress)
        output.write("sessionsBeforeConnect", sessionsBeforeConnect)
        output.write("messageBeforeConnect", messageBeforeConnect)
        output.write("memory", memory)
        output.write("outputBuffer", outputBuffer)
        output.write("httpBody", httpBody)
        output.write("roomsPerSocket", roomsPerSocket)
        output.write("namespacesPerConnection", namespacesPerConnection)
        output.write("pendingAcksPerSocket", pendingAcksPerSocket)
        output.write("presenceWatchesPerSocket", presenceWatchesPerSocket)
        output.write("presenceWatchBytesPerSocket", presenceWatchBytesPerSocket)
        output.write("pluginQueueCallbacks", pluginQueueCallbacks)
        output.write("pluginQueueBytes", pluginQueueBytes)
        output.write("pluginResultBytes", pluginResultBytes)
        output.write("pluginQueueSocketShare", pluginQueueSocketShare)
        output.write("pluginQueueUserShare", pluginQueueUserShare)
        output.write("recoverySessions", recoverySessions)
        output.write("recoverySessionBytes", recoverySessionBytes)
        output.write("recoveryEvents", recoveryEvents)
        output.write("recoveryEventBytes", recoveryEventBytes)
        output.write("slowCallback", slowCallback)
        output.write("startDeadline", startDeadline)
        output.write("shutdownDeadline", shutdownDeadline)
        output.write("reloadDeadline", reloadDeadline)
    }
}

extension Configuration.Plugin {
    /// The plugin's settings without `config`, which may hold passwords.
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("path", .string(path)), .init("isolation", .string(isolation.rawValue)),
            .init("onCrash", .string(onCrash.rawValue)),
            .init("required", .bool(required)), .init("watch", .bool(watch)),
        ]
        if worker != WorkerOptions() { members.append(.init("worker", worker.json)) }
        return .object(name.map { [.init("name", .string($0))] + members } ?? members)
    }
}

extension WorkerOptions {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("hangAfter", .integer(Int64(hangAfter))), .init("memoryLimit", .integer(Int64(memoryLimit))),
            .init("longestBackOff", .integer(Int64(longestBackOff))), .init("seccomp", .bool(limits.seccomp)),
        ]
        let optional = [
            ("coreBytes", limits.coreBytes), ("openFiles", limits.openFiles), ("processes", limits.processes),
        ]
        for case (let key, let value?) in optional { members.append(.init(key, .integer(Int64(value)))) }
        if let user = limits.user, let entry = getpwuid(user.id) {
            members.append(.init("user", .string(String(cString: entry.pointee.pw_name))))
        }
        return .object(members)
    }
}

extension Configuration.BoundLibrary {
    fileprivate var json: JSONValue {
        let functions = functions.map { function in
            JSONValue.Member(
                function.event.text,
                .object([
                    .init("signature", .string(function.signature.description)),
                    .init("run", .string(function.run.rawValue)), .init("nsp", .string(function.namespace.text)),
                ]))
        }
        var members: [JSONValue.Member] = [
            .init("library", .string(library)), .init("name", .string(name)), .init("functions", .object(functions)),
        ]
        if let service {
            members.append(.init("service", .string(service.name.text)))
            members.append(.init("version", .string("\(service.major).\(service.minor)")))
        }
        return .object(members)
    }
}

/// Writes settings as YAML, indented by two spaces. Strings and lists are written as JSON, a subset of YAML.
struct SettingsWriter {
    private(set) var text = ""
    /// The keys with their sections, as in `cors.origin`, and their values.
    private(set) var settings: [(key: String, value: JSONValue)] = []
    private var sections: [String] = []
    private var indent = ""

    mutating func comment(_ line: String) {
        text += "\(indent)# \(line)\n"
    }

    mutating func write(_ key: String, json: JSONValue) {
        text += "\(indent)\(key): \(json)\n"
        record(key, json)
    }

    private mutating func record(_ key: String, _ value: JSONValue) {
        settings.append(((sections + [key]).joined(separator: "."), value))
    }

    mutating func write(_ key: String, text: String) {
        write(key, json: .string(text))
    }

    mutating func write(_ key: String, list: [String]) {
        write(key, json: .array(list.map { .string($0) }))
    }

    mutating func write(_ key: String, _ value: Int) {
        write(key, json: .integer(value))
    }

    mutating func write(_ key: String, _ value: Bool) {
        write(key, json: .bool(value))
    }

    mutating func write(_ key: String, _ value: Duration) {
        write(key, value.wholeMilliseconds)
    }

    mutating func write(_ key: String, _ value: some RawRepresentable<String>) {
        text += "\(indent)\(key): \(value.rawValue)\n"
        record(key, .string(value.rawValue))
    }

    mutating func write(_ key: String, optional value: String?) {
        write(key, json: value.map { .string($0) } ?? .null)
    }

    mutating func write(_ key: String, optional value: Int?) {
        write(key, json: value.map { .integer($0) } ?? .null)
    }

    mutating func section(_ key: String, _ body: (inout SettingsWriter) -> Void) {
        text += "\(indent)\(key):\n"
        indent += "  "
        sections.append(key)
        body(&self)
        sections.removeLast()
        indent.removeLast(2)
    }

    /// Writes `false` for a feature that is off, else its section.
    mutating func feature<Settings>(
        _ key: String, _ settings: Settings?, _ body: (Settings, inout SettingsWriter) -> Void
    ) {
        guard let settings else { return write(key, false) }
        record(key, true)
        section(key) { body(settings, &$0) }
    }
}
