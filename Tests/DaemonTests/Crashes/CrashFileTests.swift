import Foundation
import Glibc
import PluginHost
import Support
import Testing

@testable import Daemon

@Suite("The file that remembers crashes")
struct CrashFileTests {
    private let folder =
        "\(NSTemporaryDirectory())jackfield-crash-file-tests-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    private var path: String { "\(folder)/data/crashes" }

    private static func line(_ plugin: String, file: String = "/proc/self/exe", at time: Int64 = .max) -> String {
        #"{"at":\#(time),"pid":7,"signal":"SIGSEGV","thread":"jf:\#(plugin)","plugin":"\#(plugin)","file":"\#(file)","callback":"create"}"#
    }

    private func write(_ lines: String...) throws {
        try FileManager.default.createDirectory(atPath: "\(folder)/data", withIntermediateDirectories: true)
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o600)
    }

    @Test("a crash is reported by one start, and remembered by the later ones")
    func reportedOnce() throws {
        try write(Self.line("a"), Self.line("b"))
        #expect(try CrashFile(at: path).unreported().map(\.plugin) == ["a", "b"])
        let later = try CrashFile(at: path)
        #expect(later.records.map(\.plugin) == ["a", "b"] && later.unreported().isEmpty)
    }

    @Test("the last crash of each plugin counts, and 64 plugins are remembered")
    func bounded() throws {
        let plugins = (0..<200).map { Self.line("p\($0 % 100)", at: .max - Int64($0)) }
        try write(plugins.joined(separator: "\n"))
        let file = try CrashFile(at: path)
        #expect(file.records.count == CrashFile.limit)
        #expect(file.records.last?.plugin == "p99" && file.records.last?.time == .max - 199)
    }

    @Test("a crash of a file that has changed since, or is gone, is forgotten")
    func outdated() throws {
        let new = "\(folder)/data/new.so"
        try write(Self.line("new", file: new, at: 1), Self.line("gone", file: "/nowhere/gone.so"), Self.line("same"))
        try Data().write(to: URL(fileURLWithPath: new))
        #expect(try CrashFile(at: path).records.map(\.plugin) == ["same"])
    }

    @Test(
        "lines that are no records are ignored",
        arguments: ["", "{", "[]", "7", #"{"at":"1","signal":"S"}"#, #"{"at":-1,"signal":"S"}"#, #"{"at":1}"#])
    func malformed(_ line: String) throws {
        #expect(
            line.utf8.withContiguousStorageIfAvailable { CrashRecord(line: UnsafeRawBufferPointer($0)) } ?? nil == nil)
        try write(line, Self.line("good"))
        #expect(try CrashFile(at: path).records.map(\.plugin) == ["good"])
    }

    @Test("a link, a folder and a file that others may write are not used")
    func suspicious() throws {
        try write("")
        symlink(path, "\(path)-link")
        for (name, problem) in [("\(path)-link", "symbolic"), ("\(folder)/data", "directory")] {
            let error = #expect(throws: CrashFile.Unavailable.self) { try CrashFile(at: name) }
            #expect(error?.problem.lowercased().contains(problem) == true)
        }
        chmod(path, 0o620)
        let error = #expect(throws: CrashFile.Unavailable.self) { try CrashFile(at: path) }
        #expect(error?.problem.hasPrefix("others may write to it") == true)
    }

    @Test("a plugin is isolated if it has onCrash: isolate and a record has its name, or without a name its file")
    func isolation() throws {
        try write(Self.line("a", file: "/proc/self/exe"), Self.line("descriptor-name", file: "/bin/sh"))
        let records = try CrashFile(at: path).records
        func entry(_ path: String, name: String? = nil, _ onCrash: Configuration.Plugin.OnCrash = .isolate)
            -> Configuration.Plugin
        {
            var plugin = Configuration.Plugin(path: path)
            plugin.name = name
            plugin.onCrash = onCrash
            return plugin
        }
        var configuration = Configuration()
        configuration.plugins = [
            entry("x", name: "a"), entry("sh"), entry("./libsh.so"), entry("a"), entry("sh", name: "b"),
            entry("sh", .none),
        ]
        let found = configuration.isolate(records)
        #expect(configuration.plugins.map(\.isolation) == [.process, .process, .process, .none, .none, .none])
        #expect(found.map(\.plugin) == ["a", "descriptor-name", "descriptor-name"])
    }

    @Test("a plugin stays isolated when the configuration is read again, until its file changes")
    func reload() throws {
        let library = "\(folder)/data/a.so"
        try write(Self.line("a", file: library))
        try Data().write(to: URL(fileURLWithPath: library))
        let file = "\(folder)/jackfield.yaml"
        try Data("auth: false\nplugins: [{ path: \(library), onCrash: isolate }]".utf8).write(
            to: URL(fileURLWithPath: file))
        var records = try CrashFile(at: path).records
        func isolation() throws -> [PluginSpec.Isolation] {
            try ConfigurationSource(file: file, overrides: Configuration.Overrides()).isolating(records).load().plugins
                .map(\.isolation)
        }
        #expect(try isolation() == [.process])
        records[0].time = 1
        #expect(try isolation() == [.none])
    }
}
