import Foundation
import Glibc

/// Plugins in C, each compiled once, into a folder of this test run.
enum Fixture {
    private static let folder: String = {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "jackfield-plugins-\(ProcessInfo.processInfo.processIdentifier)")
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url.path
    }()

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private static let lock = NSLock()
    // Guarded by `lock`.
    nonisolated(unsafe) private static var built: Set<String> = []

    /// Compiles `source` of Tests/Fixtures/host with these macros and returns the library's path.
    static func library(_ source: String, named name: String? = nil, _ macros: String...) throws -> String {
        try build(
            "\(root)/Tests/Fixtures/host/\(source).c", as: name ?? source,
            macros.map { "-D\($0)" } + TestIsolation.macros)
    }

    static func build(_ source: String, as name: String, _ flags: [String] = []) throws -> String {
        lock.lock()
        defer { lock.unlock() }
        let key = ([name, source] + flags).joined(separator: " ")
        let library = "\(folder)/\(name)-\(key.utf8.reduce(UInt32(7)) { $0 &* 31 &+ UInt32($1) }).so"
        if built.contains(key) { return library }
        try run(
            "cc",
            [
                "-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-shared", "-fPIC", "-I", "\(root)/include", "-o",
                library, source,
            ] + flags)
        built.insert(key)
        return library
    }

    /// The path of a library of this package, in the folder of the build that runs.
    static func built(_ name: String) -> String {
        let tests = [CommandLine.arguments[0], "/proc/self/exe"].map { URL(filePath: $0).resolvingSymlinksInPath() }
        let candidates = tests.map { $0.deletingLastPathComponent().appending(path: name).path }
        return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? "\(root)/.build/debug/\(name)"
    }

    /// Writes a file into the folder, for files that are not libraries.
    static func file(_ name: String, _ content: [UInt8]) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(content).write(to: URL(fileURLWithPath: path))
        return path
    }

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    static func run(_ tool: String, _ arguments: [String]) throws {
        _ = try output(tool, arguments)
    }

    /// The output of a tool, stdout and stderr. Uses popen, because Foundation's Process reads beyond what readdir
    /// returned when it looks for open files, and AddressSanitizer ends the run for that.
    static func output(_ tool: String, _ arguments: [String]) throws -> String {
        let words = ([tool] + arguments).map { "'\($0.replacingOccurrences(of: "'", with: "'\\''"))'" }
        guard let stream = popen(words.joined(separator: " ") + " 2>&1", "r") else {
            throw Failed(description: "\(tool) does not start")
        }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { text += buffer[..<count] }
        guard pclose(stream) == 0 else { throw Failed(description: String(decoding: text, as: UTF8.self)) }
        return String(decoding: text, as: UTF8.self)
    }
}
