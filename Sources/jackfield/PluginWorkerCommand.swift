import ArgumentParser
import PluginHost

/// Runs the plugin of a worker process. The daemon starts it; see `PluginWorker`.
struct PluginWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: PluginWorker.command, abstract: "Runs one isolated plugin, for 'jackfield serve'.",
        shouldDisplay: false)

    @Argument(help: "The plugin's name.")
    var name: String

    func run() throws {
        try PluginWorker.run(name)
    }
}
