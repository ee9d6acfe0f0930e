import Identity
import Yams

extension Configuration {
    /// Applies the environment variables, which override the defaults and are overridden by the file. An empty variable
    /// counts as unset, because container tools pass a missing value on as an empty one.
    mutating func apply(_ environment: [String: String], _ reader: ConfigurationReader) {
        let value = { (name: String) -> ConfigurationValue? in
            guard let text = environment[name], !text.isEmpty else { return nil }
            return ConfigurationValue(node: Node(text), key: name, reader: reader)
        }
        if let site = value("SITE_URL") {
            if let origin = WebOrigin(site.node.string ?? "") {
                cors?.origin = .list([origin.serialized])
            } else {
                site.refuse(
                    "\(site.described) is not a URL", "set it to the address of your site, as in http://localhost:3000")
            }
        }
        if let secret = environment["JWT_SECRET"], !secret.isEmpty {
            auth?.secret = Secret(bytes: Array(secret.utf8))
        }
        if let number = value("PORT"), let result = ConfigurationRule.port.apply(number) { port = result }
        databaseURL = environment["DATABASE_URL"].flatMap { $0.isEmpty ? nil : $0 }
        redisURL = environment["REDIS_URL"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Applies the command line's flags, which override everything else.
    mutating func apply(_ overrides: Overrides, _ reader: ConfigurationReader) {
        let value = { (text: String, flag: String) in ConfigurationValue(node: Node(text), key: flag, reader: reader) }
        if let name = overrides.host, let result = ConfigurationRule.host.apply(value(name, "--host")) { host = result }
        if let number = overrides.port, let result = ConfigurationRule.port.apply(value("\(number)", "--port")) {
            port = result
        }
        apply(overrides.plugins, reader)
        if overrides.demo { demo = true }
        if overrides.ignoresAuth { auth = nil }
        if let level = overrides.logLevel { log.level = level }
        if let format = overrides.logFormat { log.format = format }
    }

    private mutating func apply(_ arguments: [PluginArgument], _ reader: ConfigurationReader) {
        for (position, argument) in arguments.enumerated() {
            if arguments[..<position].contains(where: { $0.path == argument.path }) {
                reader.refuse(
                    "--plugin \(argument.path)", at: nil, "it stands twice, and a plugin has one configuration",
                    "remove one; to load the file twice, list it in a configuration file with two names")
            } else {
                apply(argument, reader)
            }
        }
    }

    /// Sets the configuration of the plugin with this name or path in the file, or adds a plugin.
    private mutating func apply(_ argument: PluginArgument, _ reader: ConfigurationReader) {
        let flag = "--plugin \(argument.path)"
        var indices = plugins.indices.filter { plugins[$0].name == argument.path }
        if indices.isEmpty { indices = plugins.indices.filter { plugins[$0].path == argument.path } }
        guard indices.count < 2 else {
            let names = indices.map { plugins[$0].name ?? "(without a name)" }
            return reader.refuse(
                flag, at: nil, "the configuration file has it \(names.count) times: \(names.joined(separator: ", "))",
                "name one of these, as in --plugin \(plugins[indices[0]].name ?? names[1])=CONFIG")
        }
        let index = indices.first ?? plugins.endIndex
        if index == plugins.endIndex { plugins.append(Plugin(path: argument.path)) }
        guard let text = argument.config, let node = reader.compose(text, key: flag) else { return }
        let value = ConfigurationValue(node: node, key: flag, reader: reader)
        if let config = ConfigurationRule.json.apply(value) { plugins[index].config = config }
    }

    /// Checks what depends on several settings. Call it last.
    ///
    /// - Parameter environment: the reader of the environment's variables.
    mutating func complete(_ reader: ConfigurationReader, environment: ConfigurationReader) {
        if !reader.refused("auth") { completeAuth(reader, environment: environment) }
        checkQueue(reader)
        if let conformance { check(conformance, reader) }
        checkDemo(reader)
    }

    /// Chooses the key, and lets the verifier check that it fits the algorithms.
    private mutating func completeAuth(_ reader: ConfigurationReader, environment: ConfigurationReader) {
        guard let auth else { return }
        if !auth.hasKey, demo, auth.algorithms.allSatisfy(\.isSymmetric) {
            self.auth?.developmentKeyFile = DevelopmentKey.path
        } else if !auth.hasKey {
            reader.refuse(
                "auth", "there is no key to verify tokens with",
                """
                set JWT_SECRET, or auth.secret, secretFile, publicKey or jwks in the configuration file; \
                or start with --demo, which makes a key; or write auth: false to let plugins decide
                """)
        } else {
            do throws(TokenConfigurationError) {
                _ = try TokenVerifier(auth.verifierConfiguration)
            } catch {
                let key = auth.key(of: error.setting, isNamed: reader.has)
                // A secret that is not in the file comes from the environment.
                if error.setting == .secret, !reader.has(key) {
                    environment.refuse("JWT_SECRET", at: nil, error.description, error.remedy)
                } else {
                    reader.refuse(key, error.description, error.remedy)
                }
            }
        }
    }

    /// Refuses a plugin queue smaller than the largest message: it would refuse such a message every time.
    private func checkQueue(_ reader: ConfigurationReader) {
        guard limits.pluginQueueBytes < maxHttpBufferSize else { return }
        reader.refuse(
            "limits.pluginQueueBytes",
            "\(limits.pluginQueueBytes) bytes cannot hold one message of maxHttpBufferSize, \(maxHttpBufferSize) bytes",
            "raise the one, or lower the other")
    }

    /// Refuses a demo that other machines can reach: its page and its output show tokens with every permission.
    private func checkDemo(_ reader: ConfigurationReader) {
        guard demo, !isLoopback else { return }
        reader.refuse(
            "demo", "it prints tokens that may do everything, and \(host) can be reached from outside",
            "listen on 127.0.0.1, or switch the demo off and configure auth")
    }

    private func check(_ conformance: Conformance, _ reader: ConfigurationReader) {
        if !isLoopback {
            reader.refuse(
                "conformance", "these endpoints are for tests, and \(host) can be reached from outside",
                "remove the section, or listen on 127.0.0.1")
        }
        let paths = [path] + [conformance.engineEcho, conformance.webSocketEcho].compactMap { $0 }
        if Set(paths).count != paths.count {
            reader.refuse(
                "conformance", "two endpoints have one path", "give each a path of its own, other than \(path)")
        }
    }

    /// Whether only this machine can reach the daemon.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false)
        return octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }
}

extension Configuration {
    /// Settings of the command line. `nil` and empty values leave the file's settings unchanged.
    public struct Overrides: Sendable, Equatable {
        public var host: String?
        public var port: Int?
        /// Added to the file's plugins. A plugin that the file has already gets the configuration given here.
        public var plugins: [PluginArgument] = []
        /// Switches the demo on; it cannot switch it off.
        public var demo = false
        public var logLevel: Log.Level?
        public var logFormat: Log.Format?
        /// Switches `auth` off, and reports none of its problems: for commands that read plugins and verify no token.
        public var ignoresAuth = false

        public init() {}
    }
}
