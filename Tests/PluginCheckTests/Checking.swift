import Foundation

@testable import PluginCheck

/// Runs checks with the executable that this test run has built.
enum Checking {
    private static let executable: String = {
        let tests = [CommandLine.arguments[0], "/proc/self/exe"].map { URL(filePath: $0).resolvingSymlinksInPath() }
        let candidates = tests.map { $0.deletingLastPathComponent().appending(path: "jackfield").path }
        return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? "\(Zoo.root)/.build/debug/jackfield"
    }()

    /// The path of a library of this package, in the folder of the build that runs.
    static func built(_ name: String) -> String {
        URL(filePath: executable).deletingLastPathComponent().appending(path: name).path
    }

    /// Checks a file on a thread of its own: a check ends when the thread that has started its processes ends.
    static func run(_ path: String, only: [String] = [], _ options: CheckOptions = CheckOptions()) throws
        -> [CheckResult]
    {
        PluginChecker(executable: executable, workerArguments: ["plugin", "check-process"], options: options).run(
            path, only: only)
    }
}
