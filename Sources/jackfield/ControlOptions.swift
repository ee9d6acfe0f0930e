import ArgumentParser
import Daemon
import Foundation
import RawJSON
import Support

/// The options of all commands that talk to a running daemon.
struct ControlOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Control socket of the daemon; without, that of the configuration, else \(Configuration.standardControl).",
            valueName: "path"),
        completion: .file())
    var control: String?

    @Flag(help: "Print JSON, for programs.")
    var json = false

    func validate() throws {
        guard let control else { return }
        guard !control.isEmpty else {
            throw ValidationError("The path after --control is empty: name the daemon's control socket.")
        }
    }

    /// Sends a command, and prints the answer as JSON or as text.
    ///
    /// - Parameters:
    ///   - config: the configuration file of the daemon; `nil`: the default path.
    ///   - text: the answer for people, without the last line end.
    func run(
        _ command: String, _ members: [JSONValue.Member] = [], config: String? = nil,
        text: (JSONValue) -> String
    ) throws {
        let client = try client(config: config)
        let answer: JSONValue
        do throws(ControlClient.Failure) {
            answer = try client.request(command, members)
        } catch {
            throw CommandError(Table.visible("\(error)"))
        }
        print(json ? "\(answer)" : text(answer))
    }

    func client(config: String?) throws -> ControlClient { ControlClient(path: try path(config)) }

    private func path(_ config: String?) throws -> String {
        if let control { return control }
        guard let config else { return Configuration.standardControl }
        var overrides = Configuration.Overrides()
        // The daemon has its own environment, so its keys need not be in this one.
        overrides.ignoresAuth = true
        guard let path = try Configuration.load(file: config, overrides: overrides).control else {
            throw CommandError("\(config) says control: null, so the daemon has no control socket; give it one there")
        }
        return path
    }
}

/// The option of commands that find the daemon through its configuration file.
struct ControlConfigOption: ParsableArguments {
    @Option(
        name: .shortAndLong, help: "Configuration file of the daemon, for the path of its control socket.",
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?
}

/// Text in columns, for people.
struct Table {
    private var rows: [[String]]

    init(_ titles: String...) {
        rows = [titles]
    }

    mutating func add(_ cells: String...) {
        rows.append(cells.map { Self.visible($0) })
    }

    /// The lines, without spaces at their ends. The last column is not padded.
    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
            return cells.joined(separator: "  ").replacing(/\s+$/, with: "")
        }.joined(separator: "\n")
    }

    /// Without control characters, which the names of rooms and users may have, and a terminal would obey.
    static func visible(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }
}

extension JSONValue {
    /// The member's text, without control characters, or its number; `-` if there is none.
    func shown(_ member: ByteString) -> String {
        switch self[member] {
        case .string(let text): text.isEmpty ? "-" : Table.visible(text.text)
        case .number(let text): text.text
        case .bool(let value): value ? "yes" : "no"
        default: "-"
        }
    }
}
