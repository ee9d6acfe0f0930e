import Foundation
import PluginHost

/// The checked settings of a daemon. `docs/jackfield.yaml` explains each of them.
///
/// Names, units and defaults are those of Socket.IO where it has the option. A feature that is `nil` is off.
/// `Configuration()` has the defaults only, and no key for tokens, so the daemon cannot run with it: use
/// `load(file:environment:overrides:)`.
public struct Configuration: Sendable, Equatable {
    /// The address to listen on: a name, an IPv4 address, or an IPv6 address without brackets.
    public var host = "127.0.0.1"
    /// The TCP port, 0 to 65535; 0: any free port.
    public var port = 8080
    /// Number of event loops, each with its own thread; 0: one for each core that this process may use.
    public var eventLoops = 0
    /// Whether broadcasts may go to the kernel in batches through io_uring, where the kernel allows it.
    public var ioUring = true

    /// The path of the Engine.IO endpoint, without the final slash that requests have.
    public var path = "/socket.io"
    /// Transports that a client may use; never empty, each at most once.
    public var transports = Transport.allCases
    /// Whether a session may move from polling to WebSocket.
    public var allowUpgrades = true
    /// Time from the last pong to the next ping.
    public var pingInterval = Duration.milliseconds(25_000)
    /// Time from a ping until a session that does not answer is closed.
    public var pingTimeout = Duration.milliseconds(20_000)
    /// Time from the probe until an incomplete upgrade is abandoned.
    public var upgradeTimeout = Duration.milliseconds(10_000)
    /// Time from the Engine.IO handshake until a client that joined no namespace is closed.
    public var connectTimeout = Duration.milliseconds(45_000)
    /// Bytes of the largest message a client may send.
    public var maxHttpBufferSize = 1_000_000
    /// Compression of polling responses; `nil`: none.
    public var httpCompression: HTTPCompression? = HTTPCompression()
    /// Compression of WebSocket messages; `nil`: none.
    public var perMessageDeflate: PerMessageDeflate?
    /// Recovery of sessions after a short disconnection; `nil`: off.
    public var connectionStateRecovery: ConnectionStateRecovery?
    /// The cookie of the polling handshake; `nil`: none.
    public var cookie: Cookie?
    /// Origins that may read responses; `nil`: no CORS headers are sent, and no `Origin` is checked.
    public var cors: CORS? = CORS()

    /// How tokens are verified; `nil`: the core ignores tokens, and plugins decide.
    public var auth: Auth? = Auth()
    /// When users count as online.
    public var presence = Presence()
    /// Namespaces that exist without a plugin declaring them.
    public var namespaces = ["/"]
    /// Plugins in the order of loading.
    public var plugins: [Plugin] = []
    /// Libraries whose C functions answer events, loaded after ``plugins``.
    public var bind: [BoundLibrary] = []
    /// Folders that are searched for a plugin's name, in this order.
    public var pluginPath = Configuration.standardPluginPath

    /// What happens to events that plugins emit with arguments that break the signature they declared.
    public var contracts = EmitChecks.count
    /// Whether a reload first loads the new version of a plugin in a process of its own.
    public var tryBeforeReload = true

    /// The Unix socket for the commands that talk to a running daemon, relative to the working directory; `nil`: none.
    public var control: String? = Configuration.standardControl
    /// The file that remembers which plugins have ended the daemon, relative to the working directory; `nil`: none.
    public var crashFile: String? = Configuration.standardCrashFile
    /// The folder that holds the working folders of plugins with `isolation: process`, relative to the working
    /// directory.
    public var workerFolder = Configuration.standardWorkerFolder

    /// Bounds of queues, buffers and counts.
    public var limits = Limits()
    /// What is logged, and how.
    public var log = Log()
    /// Raw echo endpoints for protocol suites; `nil` outside of tests.
    public var conformance: Conformance?
    /// Whether to serve the demo page, with a key that is created on the first start.
    public var demo = false

    /// `DATABASE_URL`: the store of plugins whose own configuration has no `store`.
    public var databaseURL: String?
    /// `REDIS_URL`. Unused in this version, except for a warning.
    public var redisURL: String?

    public init() {}
}

extension Configuration {
    /// When users count as online.
    public struct Presence: Sendable, Equatable {
        /// How long a user stays online after the last connection has closed, so that a page reload causes no offline
        /// change; zero: no time.
        public var gracePeriod = Duration.milliseconds(5_000)

        public init() {}
    }
}

extension Configuration.Presence: ConfigurationSettings {
    mutating func read(_ section: ConfigurationSection) {
        // The earlier name of the key is still read.
        section.read("grace", into: &gracePeriod, .milliseconds(from: 0))
        section.read("gracePeriod", into: &gracePeriod, .milliseconds(from: 0))
    }
}

extension Configuration {
    /// What is logged to standard error, and how.
    public struct Log: Sendable, Equatable {
        public var level = Level.info
        public var format = Format.text
        /// Interval in which repeated lines are written once, with their number; 0: every line is written.
        public var repeatInterval = Duration.milliseconds(10_000)

        public init() {}
    }
}

extension Configuration.Log: ConfigurationSettings {
    /// The lowest severity that is logged, under swift-log's names.
    public enum Level: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// The format of a line.
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
    /// Combines the defaults, `environment` (`SITE_URL`, `JWT_SECRET`, `PORT`, `DATABASE_URL`, `REDIS_URL`), the YAML
    /// of `file`, and `overrides`; each overrides those before it.
    ///
    /// Reads the file and the key files that it names; does no other I/O. Relative paths start at the working
    /// directory.
    /// - Parameter file: a path, or `nil` for no file.
    /// - Throws: all problems together.
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

    /// Loads from a text. Problems give `name` as the file.
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
        var all = environmentReader.problems + problems + commandLineReader.problems
        if overrides.ignoresAuth { all.removeAll { $0.key == "auth" || $0.key.hasPrefix("auth.") } }
        guard all.isEmpty else { throw ConfigurationProblems(all) }
        return configuration
    }
}

extension Configuration {
    /// The executable's folder, then the folders where systems install Jackfield's plugins.
    public static let standardPluginPath: [String] = {
        let executable =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let folder = URL(fileURLWithPath: executable).deletingLastPathComponent().path
        return [folder, "/usr/local/lib/jackfield", "/usr/lib/jackfield"]
    }()
}

extension Configuration {
    /// The default of ``control``.
    public static let standardControl = "data/jackfield.sock"
    /// The default of ``crashFile``.
    public static let standardCrashFile = "data/jackfield.crash"
    /// The default of ``workerFolder``.
    public static let standardWorkerFolder = "data/workers"
}

extension Configuration {
    /// Warnings about settings that are valid but rarely intended. Logged once at start.
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
