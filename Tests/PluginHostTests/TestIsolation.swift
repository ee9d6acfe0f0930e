import Glibc

@testable import PluginHost

/// Where the plugins of the tests run: in this process, or, with `JACKFIELD_ISOLATION=process` in the environment, in
/// worker processes.
enum TestIsolation {
    static let mode: PluginSpec.Isolation =
        getenv("JACKFIELD_ISOLATION").flatMap { PluginSpec.Isolation(rawValue: String(cString: $0)) } ?? .none

    /// Whether a test applies only to plugins in this process.
    static var isInProcess: Bool { mode == .none }

    /// Arguments of the compiler: `ISOLATED` is defined for plugins that will run in a worker.
    static var macros: [String] { isInProcess ? [] : ["-DISOLATED"] }

    static func applied(to options: HostOptions) -> HostOptions {
        var options = options
        options.isolation = mode
        options.workerExecutable = Fixture.built("jackfield")
        return options
    }
}
