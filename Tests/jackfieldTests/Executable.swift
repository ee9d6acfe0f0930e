import Foundation
import Testing

/// The executable that this test run has built.
enum Executable {
    struct Outcome {
        let code: Int32
        let output: String
        let errors: String
    }

    /// Runs the executable in a new folder, so that it finds no development key there, and waits for its end.
    ///
    /// - Parameters:
    ///   - environment: in addition to a PATH.
    ///   - files: names in the folder, with their texts.
    static func run(_ arguments: [String], environment: [String: String] = [:], files: [String: String] = [:]) throws
        -> Outcome
    {
        // The test runner and the executable are in the same directory.
        let runner = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        var candidates = [runner] + CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
        candidates = candidates.map { ($0 as NSString).deletingLastPathComponent + "/jackfield" }
        let executable = try #require(candidates.first { FileManager.default.isExecutableFile(atPath: $0) })
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = environment.merging(["PATH": "/usr/bin:/bin"]) { own, _ in own }
        let folder = FileManager.default.temporaryDirectory.appending(path: "jackfield-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
        process.currentDirectoryURL = folder
        let output = Pipe(), errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // The output of these commands fits into a pipe's buffer, so reading the pipes in sequence cannot deadlock.
        let outputData = output.fileHandleForReading.readDataToEndOfFile()
        let errorData = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            code: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
            errors: String(decoding: errorData, as: UTF8.self))
    }

    static func run(_ arguments: String..., environment: [String: String] = [:], files: [String: String] = [:]) throws
        -> Outcome
    {
        try run(arguments, environment: environment, files: files)
    }
}
