import Foundation

extension Configuration {
    /// Puts together the defaults, then `environment` (`SITE_URL`, `JWT_SECRET`, `PORT`, `DATABASE_URL`, `REDIS_URL`), then
    /// the YAML of `file`, then `overrides`; the later wins.
    ///
    /// Reads the file, and a `secretFile` if one is named; does no other I/O. Relative paths start at the working directory.
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
                let reason = FileManager.default.isReadableFile(atPath: file) ? "is no UTF-8 text file" : "cannot be read"
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
        let problems = reader.problems.sorted { ($0.line ?? .max, $0.column ?? .max) < ($1.line ?? .max, $1.column ?? .max) }
        let all = environmentReader.problems + problems + commandLineReader.problems
        guard all.isEmpty else { throw ConfigurationProblems(all) }
        return configuration
    }
}
