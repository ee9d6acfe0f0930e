import ArgumentParser
import Daemon
import Foundation
import RawJSON

/// Puts the changed configuration of a running daemon in force.
struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Read the configuration of a running daemon again, and put it in force.",
        discussion: """
            The same as SIGHUP, whose result is only logged. The daemon reads its own file again, with the environment \
            and the flags of its start, and compares it with the settings in force. Sockets stay connected. Plugins \
            that were added, removed or changed are loaded, unloaded or loaded again. docs/jackfield.yaml says beside \
            each setting whether it is 'live' or needs a 'restart'; settings that need one are listed, and stay as \
            they are. If any part is wrong, nothing changes, and each problem is printed.

            EXAMPLES
              Say what a changed file would do, and do nothing:
                jackfield reload --check

              Put it in force:
                jackfield reload
                jackfield reload --json | jq '.restart[].key'

            EXIT CODES
              0 done, 1 failed, 2 wrong use, 78 bad configuration, and nothing was changed
            """)

    @Flag(help: "Only say what is wrong, or what would change.")
    var check = false

    @OptionGroup var control: ControlOptions
    @OptionGroup var daemon: ControlConfigOption

    func run() async throws {
        let client = try control.client(config: daemon.config)
        let answer: JSONValue
        do throws(ControlClient.Failure) {
            answer = try client.request("reload", check ? [.init("check", true)] : [])
        } catch {
            let lines = "\(error)".split(separator: "\n").map { Table.visible(String($0)) }.joined(separator: "\n")
            guard error.code == "bad_configuration" else { throw CommandError(lines) }
            try FileHandle.standardError.write(contentsOf: Data("\(lines)\n".utf8))
            throw ExitCode.badConfiguration
        }
        print(control.json ? "\(answer)" : text(answer))
    }

    private func text(_ answer: JSONValue) -> String {
        let applied = changes(answer["applied"]) + plugins(answer["plugins"])
        let restart = changes(answer["restart"])
        let notes = (answer["notes"]?.array ?? []).compactMap { $0.string.map { Table.visible($0.text) } }
        guard !(applied + restart + notes).isEmpty else { return "the configuration has not changed" }
        let title = check ? "would be in force:" : "in force, after \(answer.shown("milliseconds")) ms:"
        return [(title, applied), ("needs a restart of the daemon:", restart), ("note:", notes)]
            .filter { !$0.1.isEmpty }.flatMap { [$0.0] + $0.1.map { "  \($0)" } }.joined(separator: "\n")
    }

    private func changes(_ list: JSONValue?) -> [String] {
        (list?.array ?? []).map { change in
            Table.visible("\(change.shown("key")): \(change["old"] ?? .null) -> \(change["new"] ?? .null)")
        }
    }

    private func plugins(_ list: JSONValue?) -> [String] {
        (list?.array ?? []).map { Table.visible("plugin \($0.shown("name")): \($0.shown("change"))") }
    }
}
