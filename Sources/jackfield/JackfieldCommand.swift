import ArgumentParser
import Daemon
import Foundation

/// The root command, and the exit codes of all commands.
@main
struct JackfieldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jackfield",
        abstract: "A real-time host: Socket.IO to its clients, shared libraries as its services.",
        discussion: """
            EXAMPLES
              Try it out; then open the page that is printed:
                jackfield serve --demo

              Run it with a configuration file:
                JWT_SECRET=$(openssl rand -hex 32) jackfield serve --config jackfield.yaml

            EXIT CODES
              0 done, 1 failed, 2 wrong use, 78 bad configuration
            """,
        version: JackfieldDaemon.version,
        subcommands: [
            ServeCommand.self, TokenCommand.self, TypesCommand.self, PluginCommand.self, PresenceCommand.self,
            RoomsCommand.self, SocketsCommand.self, ReloadCommand.self, DrainCommand.self,
            PluginWorkerCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            report(error)
            Foundation.exit(code(for: error).rawValue)
        }
    }

    /// Prints help and version to standard output, errors to standard error.
    private static func report(_ error: any Error) {
        let message = error is ConfigurationProblems ? "\(error)" : fullMessage(for: error)
        guard !message.isEmpty else { return }
        let output = exitCode(for: error).isSuccess ? FileHandle.standardOutput : FileHandle.standardError
        try? output.write(contentsOf: Data("\(message)\n".utf8))
    }

    private static func code(for error: any Error) -> ExitCode {
        if error is ConfigurationProblems { return .badConfiguration }
        let code = exitCode(for: error)
        // ArgumentParser returns the code of sysexits (64); Unix tools commonly return 2.
        return code == .validationFailure ? .wrongUse : code
    }
}

extension ExitCode {
    /// The command line was wrong.
    static let wrongUse = ExitCode(2)
    /// `EX_CONFIG` of sysexits: the configuration was wrong.
    static let badConfiguration = ExitCode(78)
}

/// Why a command with a correct command line failed: printed after `Error:`, exit code 1.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
