import ArgumentParser
import Daemon

/// Runs the daemon, or with `--check` only validates its configuration and plugins.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve Socket.IO and HTTP until SIGTERM or SIGINT.",
        discussion: """
            Settings come from the defaults, then the environment (SITE_URL, JWT_SECRET, PORT, DATABASE_URL, REDIS_URL), \
            then the configuration file, then the flags; the later wins. docs/jackfield.yaml explains every setting.

            EXAMPLES
              Try it out, with a key of its own under data/:
                jackfield serve --demo --plugin notifications --plugin rooms

              Check a configuration and its plugins and see what they come to, without starting anything:
                jackfield serve --config jackfield.yaml --check

              Load a plugin under development, with its configuration in JSON or YAML:
                jackfield serve --demo --plugin './hello.so={"greeting": "hi"}'

              Put a changed configuration in force while it runs, as 'jackfield reload' does:
                kill -HUP "$(pidof jackfield)"

            EXIT CODES
              0 stopped as asked, 1 failed, 2 wrong use, 78 bad configuration
            """)

    @Option(name: .shortAndLong, help: "Configuration file in YAML.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(help: "Name or address to listen on.")
    var host: String?

    @Option(help: "TCP port to listen on; 0 takes any free one.")
    var port: Int?

    @Option(
        name: .customLong("plugin"),
        help: ArgumentHelp(
            "Plugin to load: a name in pluginPath or the path of a .so, and its configuration. May be repeated, each path once.",
            valueName: "path[=config]"),
        transform: Self.plugin)
    var plugins: [Configuration.PluginArgument] = []

    @Flag(
        help: "Validate the settings and the plugins' libraries, print the settings that would be in effect, and exit.")
    var check = false

    @Flag(help: "Serve a page for trying things out; without a key for tokens, make one in \(DevelopmentKey.path).")
    var demo = false

    @Option(help: "Least severity to log: \(names(Configuration.Log.Level.self)).")
    var logLevel: Configuration.Log.Level?

    @Option(help: "Form of the log: \(names(Configuration.Log.Format.self)).")
    var logFormat: Configuration.Log.Format?

    func run() async throws {
        let source = ConfigurationSource(file: config, overrides: overrides)
        let configuration = try source.load()
        guard check else { return try await JackfieldDaemon.run(configuration, from: source) }
        try await JackfieldDaemon.check(configuration)
        for warning in configuration.warnings { print("# warning: \(warning)") }
        print(configuration.yaml, terminator: "")
    }

    private var overrides: Configuration.Overrides {
        var overrides = Configuration.Overrides()
        overrides.host = host
        overrides.port = port
        overrides.plugins = plugins
        overrides.demo = demo
        overrides.logLevel = logLevel
        overrides.logFormat = logFormat
        return overrides
    }

    private static func plugin(_ argument: String) throws -> Configuration.PluginArgument {
        guard let plugin = Configuration.PluginArgument(argument: argument) else {
            throw ValidationError("'\(argument)' names no plugin: write PATH or PATH=CONFIG.")
        }
        return plugin
    }
}

extension Configuration.Log.Level: ExpressibleByArgument {}
extension Configuration.Log.Format: ExpressibleByArgument {}

private func names<Choice: CaseIterable & RawRepresentable<String>>(_ choice: Choice.Type) -> String {
    choice.allCases.map(\.rawValue).joined(separator: ", ")
}
