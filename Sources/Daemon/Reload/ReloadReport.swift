import PluginHost
import RawJSON

/// What a reload of the configuration has done, or, for a check, what it would do.
struct ReloadReport: Sendable {
    /// What has happened to one plugin.
    struct PluginChange: Sendable {
        enum Kind: String, Sendable {
            case loaded, unloaded, reloaded
        }

        let name: String
        let kind: Kind
    }

    /// Settings that are in force now.
    var applied: [ConfigurationChange] = []
    var plugins: [PluginChange] = []
    /// Settings that wait for the next start of the daemon.
    var restart: [ConfigurationChange] = []
    /// What the operator should know besides.
    var notes: [String] = []

    var json: JSONValue {
        [
            "applied": .array(applied.map(\.json)),
            "plugins": .array(plugins.map { ["name": .string($0.name), "change": .string($0.kind.rawValue)] }),
            "restart": .array(restart.map(\.json)),
            "notes": .array(notes.map { .string($0) }),
        ]
    }
}

/// Why a reload has changed nothing.
struct ReloadFailure: Error, Sendable {
    enum Kind: Sendable {
        /// The new configuration is wrong, or names a plugin that cannot be loaded.
        case configuration
        /// A plugin could not be loaded, although its library is sound. What was done before is undone.
        case plugin
        /// There is no file, or the daemon is loading or stopping.
        case unavailable
    }

    let kind: Kind
    /// What is wrong, one line each; never empty.
    let problems: [String]

    /// What holds now, in a clause.
    var consequence: String {
        switch kind {
        case .configuration, .unavailable: "nothing was changed"
        case .plugin:
            problems.count == 1
                ? "what was changed before was put back" : "what was changed before was put back, but for these plugins"
        }
    }

    init(_ kind: Kind, _ problems: String...) {
        self.init(kind, problems)
    }

    init(_ kind: Kind, _ problems: [String]) {
        self.kind = kind
        self.problems = problems
    }

    init(_ problems: ConfigurationProblems) {
        self.init(.configuration, problems.problems.map(\.description))
    }
}

extension ControlError {
    init(_ failure: ReloadFailure) {
        let code: Code =
            switch failure.kind {
            case .configuration: .badConfiguration
            case .plugin: .failed
            case .unavailable: .unavailable
            }
        self.init(code, (failure.problems + [failure.consequence]).joined(separator: "\n"))
    }
}

extension ReloadReport {
    var isEmpty: Bool { applied.isEmpty && plugins.isEmpty && restart.isEmpty && notes.isEmpty }
}
