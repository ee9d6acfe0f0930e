import Foundation

/// The deliberately bad plugins of Tests/Fixtures/zoo, each compiled once, into a folder of this test run.
enum Zoo {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static let folder: String = {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("jackfield-zoo-\(getpid())")
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url.path
    }()

    private static let lock = NSLock()
    // Guarded by `lock`.
    nonisolated(unsafe) private static var built: Set<String> = []

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// Compiles `NAME.c` or `NAME.cpp` with these flags, and returns the library's path.
    static func build(_ name: String, _ flags: String...) throws -> String {
        try build(name, flags: flags)
    }

    static func build(_ name: String, flags: [String]) throws -> String {
        let sources = ["c", "cpp"].map { "\(root)/Tests/Fixtures/zoo/\(name).\($0)" }
        guard let source = sources.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw Failed(description: "there is no \(sources[0])")
        }
        return try compile(source, as: name, flags)
    }

    /// Compiles any source of the repository, as the README shows it for plugins.
    static func compile(_ source: String, as name: String, _ flags: [String] = []) throws -> String {
        try lock.withLock {
            let key = ([source] + flags).joined(separator: " ")
            let library = "\(folder)/\(name)-\(key.utf8.reduce(UInt32(7)) { $0 &* 31 &+ UInt32($1) }).so"
            if built.contains(key) { return library }
            let compiler = source.hasSuffix(".cpp") ? "c++" : "cc"
            try run(
                compiler,
                [
                    "-Wall", "-Wextra", "-g", "-O1", "-fvisibility=hidden", "-pthread", "-shared", "-fPIC", "-I",
                    "\(root)/include",
                    "-o", library, source,
                ] + flags)
            built.insert(key)
            return library
        }
    }

    private static func run(_ tool: String, _ arguments: [String]) throws {
        let words = ([tool] + arguments).map { "'\($0.replacingOccurrences(of: "'", with: "'\\''"))'" }
        guard let stream = popen(words.joined(separator: " ") + " 2>&1", "r") else {
            throw Failed(description: "\(tool) does not start")
        }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { text += buffer[..<count] }
        guard pclose(stream) == 0 else { throw Failed(description: String(decoding: text, as: UTF8.self)) }
    }
}
