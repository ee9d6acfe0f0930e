import ArgumentParser
import Foundation
import PluginCheck
import RawJSON

extension PluginCommand {
    /// Checks plugins' files, without a daemon.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the libraries of plugins.",
            discussion: """
                Reads each file as the dynamic linker does, then loads it into hosts that are older, newer, or lack an \
                interface, and into one with clients that send what the plugin declares, and what nobody would send. \
                Each test that runs the plugin's code has a process of its own: a crash, a hang or a call of exit is \
                a result. docs/plugin-check.md explains each test.

                The plugin runs in a new folder, so that it finds no files of yours by a relative path.

                EXAMPLES
                  All tests:
                    jackfield plugin check ./hello.so

                  With the configuration that the plugin needs, and what it wants of its clients:
                    jackfield plugin check ./meeting.so --config '{"people": {"alice": {"key": "k1"}}}' \
                      --auth '{"name": "alice", "key": "k1"}'

                  Two tests, which also run if those that they build on would fail:
                    jackfield plugin check ./hello.so --only events --only acks

                  For a CI server:
                    jackfield plugin check build/*.so --junit > plugins.xml

                  Which tests are there:
                    jackfield plugin check --list

                EXIT CODES
                  0 all passed, warnings included; 1 a test failed; 2 wrong use
                """)

        @Argument(help: ArgumentHelp("Paths of plugins.", valueName: "file"), completion: .file(extensions: ["so"]))
        var files: [String] = []

        @Flag(help: "Print JSON.")
        var json = false

        @Flag(help: "Print JUnit's XML.")
        var junit = false

        @Option(help: ArgumentHelp("Run this test only. May be repeated.", valueName: "test"))
        var only: [String] = []

        @Flag(help: "List the tests, with --json also what to do when one fails.")
        var list = false

        @Option(help: ArgumentHelp("Configuration for the plugin.", valueName: "json"))
        var config: String?

        @Option(
            help: ArgumentHelp(
                "What the clients of the tests send to get in; its member 'user' is the user.", valueName: "json"))
        var auth = CheckOptions().auth

        @Option(help: ArgumentHelp("Milliseconds that a callback of the plugin may take.", valueName: "ms"))
        var deadline = CheckOptions().deadline

        @Option(help: "Where the hosts of the tests run the plugin: none, in the process of the test, or process.")
        var isolation = Isolation.none

        enum Isolation: String, CaseIterable, ExpressibleByArgument {
            case none, process
        }

        @Option(help: ArgumentHelp("MiB of memory that the process of a test may use.", valueName: "mib"))
        var memoryLimit = CheckOptions().memoryLimit

        @Option(help: "Number that decides what random tests do; the same number repeats them.")
        var seed = CheckOptions().seed

        @Option(help: "How often the test 'reloads' loads the plugin again.")
        var reloads = CheckOptions().reloads

        func validate() throws {
            guard !list else { return }
            guard !files.isEmpty else {
                throw ValidationError(
                    "No file is named: give the path of a plugin, as in 'jackfield plugin check ./hello.so'.")
            }
            for file in files where !FileManager.default.fileExists(atPath: file) {
                throw ValidationError("There is no file '\(file)'.")
            }
            guard !json || !junit else { throw ValidationError("--json and --junit exclude one another.") }
            for name in only where CheckTest.named(name) == nil {
                throw ValidationError("There is no test '\(name)': 'jackfield plugin check --list' names them.")
            }
            guard (100...600_000).contains(deadline) else {
                throw ValidationError("--deadline is \(deadline): give 100 to 600000 milliseconds.")
            }
            guard (64...1_048_576).contains(memoryLimit) else {
                throw ValidationError("--memory-limit is \(memoryLimit): give 64 to 1048576 MiB.")
            }
            guard (1...1_000_000).contains(reloads) else {
                throw ValidationError("--reloads is \(reloads): give 1 to 1000000.")
            }
            guard (try? JSONValue(parsing: auth))?.object != nil else {
                throw ValidationError(
                    """
                    The text after --auth is no JSON object: write what a client sends, as in '{"token": "x"}'.
                    """)
            }
            guard let config, (try? JSONValue(parsing: config)) == nil else { return }
            throw ValidationError(
                """
                The text after --config is no JSON: write the plugin's configuration, as in '{"greeting": "hi"}'.
                """)
        }

        func run() throws {
            if list { return json ? print(CheckTest.listAsJSON) : Self.printList() }
            var options = CheckOptions()
            if let config { options.config = config }
            (options.auth, options.memoryLimit) = (auth, memoryLimit)
            options.isIsolated = isolation == .process
            (options.deadline, options.seed, options.reloads) = (deadline, seed, reloads)
            let checker = PluginChecker(
                executable: "/proc/self/exe", workerArguments: ["plugin", "check-process"], options: options)
            let isForPeople = !json && !junit
            var checked: [CheckReport.File] = []
            for path in files {
                if isForPeople, files.count > 1 { print("\(checked.isEmpty ? "" : "\n")\(path)") }
                let results = checker.run(path, only: only) { result in
                    guard isForPeople else { return }
                    print(CheckReport.text(result))
                    fflush(nil)
                }
                checked.append(CheckReport.File(path: path, results: results))
            }
            let report = CheckReport(checked)
            if json { print(String(decoding: report.json, as: UTF8.self)) }
            if junit { print(report.junit, terminator: "") }
            if isForPeople { print("\n" + checked.map(CheckReport.summary).joined(separator: "\n")) }
            if report.hasFailed { throw ExitCode(1) }
        }

        private static func printList() {
            for group in CheckTest.Group.allCases {
                for test in CheckTest.all where test.group == group {
                    print("\(test.name.padding(toLength: 20, withPad: " ", startingAt: 0)) \(test.title)")
                }
            }
        }
    }

    /// The process of one test. Not for people.
    struct CheckProcess: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check-process", abstract: "Run one test of 'jackfield plugin check'.", shouldDisplay: false)

        func run() throws { CheckWorker.main() }
    }
}
