import Foundation

/// The settings of a daemon, complete and checked: what `docs/jackfield.yaml` explains, as a value.
///
/// Names, units and defaults are Socket.IO's where Socket.IO has the option. A `nil` feature is switched off.
/// `Configuration()` holds the defaults alone; `load(file:environment:overrides:)` is the way to a usable one, because
/// a key for tokens cannot have a default.
public struct Configuration: Sendable, Equatable {
    /// The address to listen on: a name, an IPv4 address, or an IPv6 address without brackets.
    public var host = "127.0.0.1"
    /// The TCP port, 0 to 65535; 0 takes any free one.
    public var port = 8080
    /// Event loops, each with a thread of its own; 0 means one for each core this process may use.
    public var eventLoops = 0
    /// Whether broadcasts may go to the kernel in batches through io_uring, where the kernel allows it.
    public var ioUring = true

    /// The path of the Engine.IO endpoint, without the final slash that requests have.
    public var path = "/socket.io"
    /// What a client may use, never empty, each at most once.
    public var transports = Transport.allCases
    /// Whether a session may move from polling to WebSocket.
    public var allowUpgrades = true
    /// From the last pong to the next ping.
    public var pingInterval = Duration.milliseconds(25_000)
    /// From a ping to the end of a session that does not answer.
    public var pingTimeout = Duration.milliseconds(20_000)
    /// From the probe to the end of an upgrade that is not completed.
    public var upgradeTimeout = Duration.milliseconds(10_000)
    /// From the Engine.IO handshake to the end of a client that joined no namespace.
    public var connectTimeout = Duration.milliseconds(45_000)
    /// Bytes of the largest message a client may send.
    public var maxHttpBufferSize = 1_000_000
    /// Compression of polling responses; `nil`: none.
    public var httpCompression: HTTPCompression? = HTTPCompression()
    /// Compression of WebSocket messages; `nil`: none.
    public var perMessageDeflate: PerMessageDeflate?
    /// Restoring of sessions after a short disconnection; `nil`: none.
    public var connectionStateRecovery: ConnectionStateRecovery?
    /// The cookie of the polling handshake; `nil`: none.
    public var cookie: Cookie?
    /// Who may read responses across origins; `nil`: no CORS headers, and no `Origin` is checked.
    public var cors: CORS? = CORS()

    /// How tokens are verified; `nil`: the core looks at none, and plugins decide.
    public var auth: Auth? = Auth()
    /// How users go online and offline.
    public var presence = Presence()
    /// Namespaces that exist without a plugin declaring them.
    public var namespaces = ["/"]
    /// What to load, in this order.
    public var plugins: [Plugin] = []
    /// Folders in which a plugin's name is looked up, in this order.
    public var pluginPath = Configuration.standardPluginPath

    /// What bounds every queue, buffer and count.
    public var limits = Limits()
    /// What is logged, and how.
    public var log = Log()
    /// Raw echo endpoints for protocol suites; `nil` outside of tests.
    public var conformance: Conformance?
    /// Whether to serve the page for trying things out, with a key made on first start.
    public var demo = false

    /// `DATABASE_URL`: the store of plugins whose own configuration names none.
    public var databaseURL: String?
    /// `REDIS_URL`, for plugins that keep something there.
    public var redisURL: String?

    public init() {}
}

extension Configuration {
    /// How users go online and offline.
    public struct Presence: Sendable, Equatable {
        /// How long a user stays online after the last connection is gone, so that a page reload goes
        /// unnoticed; zero: not at all.
        public var gracePeriod = Duration.milliseconds(5_000)

        public init() {}
    }
}

extension Configuration.Presence: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        section.read("grace", into: &gracePeriod, .milliseconds(from: 0))
    }
}

extension Configuration {
    /// What is logged to standard error, and how.
    public struct Log: Sendable, Equatable {
        public var level = Level.info
        public var format = Format.text
        /// Of lines that are alike, one is written in so much time, with how many came; 0: all are.
        public var repeatInterval = Duration.milliseconds(10_000)

        public init() {}
    }
}

extension Configuration.Log: ConfigurationSettings {
    /// The least severity that is logged, under swift-log's names.
    public enum Level: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// The form of a line.
    public enum Format: String, Sendable, CaseIterable {
        /// For people: time, level, message, `key=value`.
        case text
        /// For machines: one JSON object.
        case json
    }

    mutating func read(_ section: ConfigurationSection) {
        section.read("level", into: &level, .choice())
        section.read("format", into: &format, .choice())
        section.read("repeatInterval", into: &repeatInterval, .milliseconds(from: 0))
    }
}

extension Configuration {
    /// Puts together the defaults, then `environment` (`SITE_URL`, `JWT_SECRET`, `PORT`, `DATABASE_URL`, `REDIS_URL`),
    /// then the YAML of `file`, then `overrides`; the later wins.
    ///
    /// Reads the file, and a `secretFile` if one is named; does no other I/O. Relative paths start
    /// at the working directory.
    /// - Parameter file: a path, or `nil` for no file.
    /// - Throws: everything that is wrong, at once.
    public static func load(
        file: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        overrides: Overrides = Overrides()
    ) throws(ConfigurationProblems) -> Configuration {
        var text: String?
        if let file {
            do {
                text = try String(contentsOfFile: file, encoding: .utf8)
            } catch {
                let reason =
                    FileManager.default.isReadableFile(atPath: file) ? "is no UTF-8 text file" : "cannot be read"
                throw ConfigurationProblems([
                    ConfigurationProblem(
                        source: file, key: "", what: reason, remedy: "name a readable YAML file after --config")
                ])
            }
        }
        return try load(yaml: text ?? "", named: file ?? "defaults", environment: environment, overrides: overrides)
    }

    /// The same from a text. `name` stands in problems as the file.
    public static func load(
        yaml: String, named name: String, environment: [String: String], overrides: Overrides = Overrides()
    ) throws(ConfigurationProblems) -> Configuration {
        try load(yaml: yaml, reader: ConfigurationReader(source: name), environment: environment, overrides: overrides)
    }

    static func load(
        yaml: String, reader: ConfigurationReader, environment: [String: String], overrides: Overrides
    ) throws(ConfigurationProblems) -> Configuration {
        let environmentReader = ConfigurationReader(source: "environment")
        let commandLineReader = ConfigurationReader(source: "command line")
        var configuration = Configuration()
        configuration.apply(environment, environmentReader)
        if let top = reader.root(of: yaml, expanding: environment) {
            configuration.read(top)
            top.finish()
        }
        configuration.apply(overrides, commandLineReader)
        configuration.complete(reader, environment: environmentReader)
        let problems = reader.problems.sorted {
            ($0.line ?? .max, $0.column ?? .max) < ($1.line ?? .max, $1.column ?? .max)
        }
        let all = environmentReader.problems + problems + commandLineReader.problems
        guard all.isEmpty else { throw ConfigurationProblems(all) }
        return configuration
    }
}

extension Configuration {
    /// Beside the executable, then where a system keeps Jackfield's plugins.
    public static let standardPluginPath: [String] = {
        let executable =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let folder = URL(fileURLWithPath: executable).deletingLastPathComponent().path
        return [folder, "/usr/local/lib/jackfield", "/usr/lib/jackfield"]
    }()
}

extension Configuration {
    /// What is allowed and yet seldom meant: to be logged once at start.
    public var warnings: [String] {
        var warnings: [String] = []
        if auth == nil, !isLoopback {
            warnings.append(
                "auth is off, and \(host) can be reached from outside: whoever connects is let in unless a plugin refuses"
            )
        }
        if redisURL != nil {
            warnings.append("REDIS_URL is set, but this version knows no cluster: this node runs alone")
        }
        return warnings
    }
}
