import ArgumentParser
import Daemon
import Foundation
import RawJSON

/// The commands for plugins: of a running daemon, and for their files.
struct PluginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin",
        abstract: "List, load, reload and unload the plugins of a running daemon, and check their files.",
        discussion: """
            'check' needs no daemon. For the others, the daemon answers over its control socket, which only root and the \
            daemon's own user may use. Sockets of clients stay connected, whatever is loaded or unloaded.

            EXAMPLES
              Which plugins are there, and what do they do:
                jackfield plugin list

              Unload one, and load it again as the configuration says:
                jackfield plugin unload rooms
                jackfield plugin load rooms

              Replace one by a new version of its file:
                jackfield plugin reload rooms

              Find out what is wrong with one before it is loaded:
                jackfield plugin check ./hello.so

            EXIT CODES
              0 done, 1 failed, 2 wrong use, 78 bad configuration
            """,
        subcommands: [List.self, Load.self, Reload.self, Unload.self, Check.self, CheckProcess.self])
}

extension PluginCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the plugins of a running daemon.",
            discussion: """
                First those of the configuration, in its order, then those that were loaded in addition. States: \
                waiting, loading, starting, running, stopping; failed, unloaded; stuck, a callback did not return, and \
                the plugin was given up. GEN is the number of the load within the process. QUEUE has the callbacks \
                that wait, AGE how long the first of them has waited, TOKENS the answers that the plugin still owes, \
                CALLS the callbacks that have run, ERRORS the errors with which it has answered, SLOW the callbacks \
                that took longer than limits.slowCallback, REFUSED those that did not fit into the queue. --json has \
                more: refusals by reason, errors by what they answered, and how many callbacks took how long.

                EXAMPLES
                  jackfield plugin list
                  jackfield plugin list --config jackfield.yaml
                  jackfield plugin list --json | jq '.plugins[] | select(.state != "running")'

                EXIT CODES
                  0 done, 1 failed, 2 wrong use, 78 bad configuration
                """)

        @OptionGroup var control: ControlOptions
        @OptionGroup var daemon: ControlConfigOption

        func run() async throws {
            try control.run("plugin.list", config: daemon.config) { Self.text($0["plugins"]?.array ?? []) }
        }

        private static func text(_ plugins: [JSONValue]) -> String {
            guard !plugins.isEmpty else { return "no plugins" }
            var table = Table(
                "NAME", "VERSION", "STATE", "GEN", "QUEUE", "AGE", "TOKENS", "CALLS", "ERRORS", "SLOW", "REFUSED",
                "PROVIDES", "BINDS", "PATH")
            var reasons: [String] = []
            for plugin in plugins {
                let provided = (plugin["provides"]?.array ?? []).compactMap { $0.string?.text }
                let bound = (plugin["binds"]?.array ?? []).map { binding in
                    binding.shown("service") + (binding["provider"] == .null ? " (missing)" : "")
                }
                table.add(
                    plugin.shown("name"), plugin.shown("version"), plugin.shown("state"), plugin.shown("generation"),
                    plugin.shown("queued"), Self.age(plugin), plugin.shown("kept_tokens"), plugin.shown("handled"),
                    Self.errors(plugin), plugin.shown("slow_callbacks"), plugin.shown("refused"), Self.list(provided),
                    Self.list(bound), plugin.shown("path"))
                guard let reason = plugin["reason"]?.string?.text else { continue }
                let name = "plugin '\(plugin.shown("name"))'"
                reasons.append(Table.visible(reason.hasPrefix(name) ? reason : "\(name): \(reason)"))
            }
            return ([table.text] + (reasons.isEmpty ? [] : [""] + reasons)).joined(separator: "\n")
        }

        /// `1.2 s`; `-` if nothing waits.
        private static func age(_ plugin: JSONValue) -> String {
            guard case .number(let text)? = plugin["queue_age_ms"], let age = Int(text.text), age > 0 else {
                return "-"
            }
            return age < 1_000 ? "\(age) ms" : "\(age / 1_000).\(age % 1_000 / 100) s"
        }

        /// The sum over all kinds; `-` for a plugin that is not loaded.
        private static func errors(_ plugin: JSONValue) -> String {
            guard case .object(let kinds)? = plugin["errors"] else { return "-" }
            return String(
                kinds.reduce(0) { sum, kind in
                    guard case .number(let text) = kind.value, let count = Int(text.text) else { return sum }
                    return sum + count
                })
        }

        private static func list(_ texts: [String]) -> String {
            texts.isEmpty ? "-" : texts.joined(separator: ", ")
        }
    }

    struct Load: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Load a plugin into a running daemon.",
            discussion: """
                Answers when the plugin's events, routes and services are in force and its start has returned, or with \
                the error that the daemon logs. A plugin of the daemon's configuration that was unloaded, or has \
                failed, is loaded as the configuration says, at its place in the order of hooks. Anything else is \
                loaded after all others, and is not loaded again when the daemon restarts.

                A path with a slash starts at the working directory of this command. A name is looked up in the \
                daemon's pluginPath.

                EXAMPLES
                  A plugin under development:
                    jackfield plugin load ./hello.so --config '{"greeting": "hi"}'

                  One of the configuration that was unloaded:
                    jackfield plugin load rooms

                EXIT CODES
                  0 done, 1 failed, 2 wrong use
                """)

        @Argument(
            help: ArgumentHelp(
                "Name of a plugin, or path of a .so, which has a slash.", valueName: "path-or-name"),
            completion: .file(extensions: ["so"]))
        var path: String

        @Option(help: "Name for it in logs, metrics and commands; without, its own.")
        var name: String?

        @Option(
            help: ArgumentHelp(
                "Configuration for the plugin; without, that of the daemon's configuration, else none.",
                valueName: "json"))
        var config: String?

        @OptionGroup var control: ControlOptions

        func validate() throws {
            guard !path.isEmpty else {
                throw ValidationError("The text after 'load' names no plugin: write its name or its path.")
            }
            if let config { try Self.checkJSON(config) }
        }

        /// - Parameter config: the text after `--config`.
        static func checkJSON(_ config: String) throws {
            do {
                _ = try JSONValue(parsing: config)
            } catch {
                throw ValidationError(
                    """
                    The text after --config is no JSON: write the plugin's configuration, as in '{"greeting": "hi"}'. \
                    The daemon is found with --control.
                    """)
            }
        }

        func run() async throws {
            // The daemon has another working directory.
            let file = path.contains("/") ? URL(fileURLWithPath: path).standardizedFileURL.path : path
            var members: [JSONValue.Member] = [.init("path", .string(file))]
            if let name { members.append(.init("name", .string(name))) }
            if let config { members.append(.init("config", try JSONValue(parsing: config))) }
            try control.run("plugin.load", members) { answer in
                let plugin = answer["plugin"] ?? .null
                let version = plugin["version"]?.string?.isEmpty == false ? plugin.shown("version") : ""
                return """
                    loaded \(plugin.shown("name"))\(version.isEmpty ? "" : " \(version)") from \(plugin.shown("path")) in \
                    \(answer.shown("milliseconds")) ms, generation \(plugin.shown("generation"))
                    """
            }
        }
    }

    struct Reload: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace a plugin of a running daemon by a new version.",
            discussion: """
                Loads the new version beside the running one, passes the state and what clients have sent meanwhile to \
                it, and ends the running one. Clients stay connected, and none loses an event. If anything fails, the \
                running version goes on, and the command says why: what the new version's error was, or which callback \
                or kept token the running version has not finished within limits.reloadDeadline.

                Write a new file over the old one, or name another file with --path; naming the old file is the way \
                back. What is named here lasts until the daemon restarts.

                EXAMPLES
                  jackfield plugin reload rooms
                  jackfield plugin reload rooms --path /opt/rooms/2.1/rooms.so
                  jackfield plugin reload greeter --config '{"greeting": "hi"}' --json

                EXIT CODES
                  0 done, 1 failed, 2 wrong use, 78 bad configuration
                """)

        @Argument(help: "Its name, as 'jackfield plugin list' prints it.")
        var name: String

        @Option(
            help: ArgumentHelp(
                "Name or path of another file; without, the file that is loaded now.", valueName: "path-or-name"),
            completion: .file(extensions: ["so"]))
        var path: String?

        @Option(
            help: ArgumentHelp("Another configuration; without, the one that it has.", valueName: "json"))
        var config: String?

        @OptionGroup var control: ControlOptions

        func validate() throws {
            guard !name.isEmpty else {
                throw ValidationError(
                    "The text after 'reload' names no plugin: write a name that 'jackfield plugin list' prints.")
            }
            if let config { try Load.checkJSON(config) }
        }

        func run() async throws {
            var members: [JSONValue.Member] = [.init("name", .string(name))]
            if let path {
                // The daemon has another working directory.
                let file = path.contains("/") ? URL(fileURLWithPath: path).standardizedFileURL.path : path
                members.append(.init("path", .string(file)))
            }
            if let config { members.append(.init("config", try JSONValue(parsing: config))) }
            try control.run("plugin.reload", members) { answer in
                let plugin = answer["plugin"] ?? .null
                let (held, micros) = (answer.shown("held_callbacks"), Int(answer.shown("held_microseconds")) ?? 0)
                let warning = answer["warning"]?.string.map { "\nwarning: \(Table.visible($0.text))" } ?? ""
                return """
                    reloaded \(plugin.shown("name")) \(answer.shown("before")) -> \(plugin.shown("version")) from \
                    \(plugin.shown("path")) in \(answer.shown("milliseconds")) ms, generation \
                    \(plugin.shown("generation")); \(held) callbacks were held for \(micros / 1_000).\(micros / 100 % 10) \
                    ms; \(answer.shown("state_bytes")) bytes of state, \(answer.shown("tokens")) kept tokens and \
                    \(answer.shown("streams")) streams were passed on\(warning)
                    """
            }
        }
    }

    struct Unload: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Unload a plugin of a running daemon.",
            discussion: """
                Its events, routes and services are withdrawn, its queue is finished, and the answers that it still \
                owes are sent as errors with the code 'unavailable'. Answers when it has stopped, with the time that \
                this took, or with what held it up until limits.shutdownDeadline: its thread is then given up, and \
                everything else is released. /readyz answers 503 while a plugin of the configuration is unloaded.

                EXAMPLES
                  jackfield plugin unload rooms
                  jackfield plugin unload rooms --control /run/jackfield/control.sock

                EXIT CODES
                  0 done, 1 failed, 2 wrong use, 78 bad configuration
                """)

        @Argument(help: "Its name, as 'jackfield plugin list' prints it.")
        var name: String

        @OptionGroup var control: ControlOptions
        @OptionGroup var daemon: ControlConfigOption

        func validate() throws {
            guard !name.isEmpty else {
                throw ValidationError(
                    "The text after 'unload' names no plugin: write a name that 'jackfield plugin list' prints.")
            }
        }

        func run() async throws {
            try control.run("plugin.unload", [.init("name", .string(name))], config: daemon.config) {
                "unloaded \($0.shown("name")) in \($0.shown("milliseconds")) ms"
            }
        }
    }
}
