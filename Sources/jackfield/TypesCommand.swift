import ArgumentParser
import Daemon
import Foundation
import Signatures

/// Prints the types of events for clients, from plugins' descriptors or from a running daemon.
struct TypesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "types",
        abstract: "Print the types of a host's events, for its clients.",
        discussion: """
            The events are those that the named plugins declare, those of the plugins of a configuration file, or those \
            of a running daemon. The host's own events, such as presence:watch, are always among them. If a plugin \
            declares no signature for an event, its arguments have any type. Plugins are opened and not started.

            EXAMPLES
              For a client in TypeScript, io(…) as Socket<ServerToClientEvents, ClientToServerEvents>:
                jackfield types --output events.ts notifications ./chat.so

              For a client in Swift, of the plugins of a configuration file:
                jackfield types --lang swift --config jackfield.yaml --output Events.swift

              Of a running daemon:
                jackfield types --url http://localhost:8080 --token "$(jackfield token --user alice)"

            EXIT CODES
              0 done, 1 failed, 2 wrong use, 78 bad configuration
            """)

    @Option(help: "Language of the types.")
    var lang = Language.typescript

    @Option(
        name: .shortAndLong,
        help: "Configuration file, for its plugins and functions. Its auth section is not needed and not checked.",
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(
        name: .shortAndLong, help: "File to write, replaced if it exists; without, standard output.",
        completion: .file())
    var output: String?

    @Option(help: "Address of a running daemon, as in http://localhost:8080.", transform: Self.url)
    var url: DaemonAddress?

    @Option(help: "Token that the running daemon accepts; any user's will do.")
    var token: String?

    @Argument(
        help: ArgumentHelp("Names of plugins in pluginPath, or paths of .so files.", valueName: "plugin"),
        completion: .file(extensions: ["so"]))
    var names: [String] = []

    enum Language: String, CaseIterable, ExpressibleByArgument {
        case typescript, swift
    }

    func validate() throws {
        guard url != nil || config != nil || !names.isEmpty else {
            throw ValidationError(
                """
                Nothing has events to write types of: name plugins, as in 'jackfield types notifications ./chat.so', \
                or give --config FILE, or --url of a running daemon.
                """)
        }
        guard url == nil || config == nil && names.isEmpty else {
            throw ValidationError(
                "--url takes the events of a running daemon: leave out --config and the plugins, or leave out --url.")
        }
        for name in names where Configuration.PluginArgument(argument: name) == nil {
            throw ValidationError("'\(name)' names no plugin: write its name or its path.")
        }
        guard let token else { return }
        guard url != nil else { throw ValidationError("--token is for a running daemon: give its --url.") }
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValidationError("The text after --token is no token: give what 'jackfield token' prints.")
        }
    }

    func run() async throws {
        let contracts = try await contracts()
        guard contracts.conflicts.isEmpty else {
            throw CommandError(contracts.conflicts.map(Table.visible).joined(separator: "\n"))
        }
        let types = contracts.clientTypes
        let text =
            switch lang {
            case .typescript: TypeScriptTypes.text(of: types)
            case .swift: SwiftTypes.text(of: types)
            }
        guard let output else { return try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) }
        let folder = URL(fileURLWithPath: output).deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: folder) else {
            throw CommandError("cannot write \(output): the folder \(folder) does not exist")
        }
        do {
            // Not atomically, which would replace a device such as /dev/null by a file.
            try Data(text.utf8).write(to: URL(fileURLWithPath: output))
        } catch {
            throw CommandError("cannot write \(output): \(error.localizedDescription)")
        }
    }

    private func contracts() async throws -> ContractList {
        if let url { return try Self.contracts(of: url, token: token) }
        var overrides = Configuration.Overrides()
        overrides.ignoresAuth = true
        for entry in names.compactMap({ Configuration.PluginArgument(argument: $0) }) {
            if !overrides.plugins.contains(entry) { overrides.plugins.append(entry) }
        }
        // Without a file nothing but the plugins matters, so a wrong PORT or SITE_URL must not be an error.
        let configuration =
            config == nil
            ? try Configuration.load(environment: [:], overrides: overrides)
            : try Configuration.load(file: config, overrides: overrides)
        let output = try StandardOutput.divert()
        defer { output.restore() }
        do {
            return try await ContractList(of: configuration)
        } catch let error as UnreadablePlugins {
            throw CommandError("\(error)")
        }
    }

    private static func contracts(of daemon: DaemonAddress, token: String?) throws -> ContractList {
        let answer = try DaemonRequest(daemon, path: "/v1/contracts", token: token).answer()
        switch answer.status {
        case 200: break
        case 401:
            let reason = answer.detail.map { ": \($0)" } ?? ""
            let remedy = "give a token with --token, such as one that 'jackfield token --user NAME' prints"
            throw CommandError("\(daemon) accepts no request without a valid token\(reason); \(remedy)")
        case 503:
            throw CommandError("\(daemon) cannot answer now: \(answer.detail ?? "status 503"); try again later")
        default:
            throw CommandError(
                """
                \(daemon) is no Jackfield with contracts: it answers GET /v1/contracts with status \(answer.status); \
                check the address, or name the plugins instead of --url
                """)
        }
        do throws(ContractListError) {
            return try ContractList(parsing: answer.body)
        } catch {
            throw CommandError(
                """
                the answer of \(daemon) to GET /v1/contracts is not understood: \(error); \
                check that it is a Jackfield, and not of a later version than this command
                """)
        }
    }

    private static func url(_ argument: String) throws -> DaemonAddress {
        do throws(DaemonAddress.Malformed) {
            return try DaemonAddress(argument)
        } catch {
            throw ValidationError("'\(argument)' \(error.problem).")
        }
    }
}

/// Standard output while code of plugins runs: it prints to standard error instead, since others read what this command
/// prints.
private struct StandardOutput {
    /// A copy of the descriptor.
    private let saved: Int32

    static func divert() throws -> StandardOutput {
        fflush(nil)
        let saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
        guard saved >= 0, dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 else {
            throw CommandError("cannot use standard output: \(String(cString: strerror(errno)))")
        }
        return StandardOutput(saved: saved)
    }

    func restore() {
        fflush(nil)
        dup2(saved, STDOUT_FILENO)
        close(saved)
    }
}
