import Foundation
import Glibc
import Testing

@testable import PluginHost

@Suite(
    "Private copies of plugins", .enabled(if: TestIsolation.isInProcess, "a worker maps its copies in its own process"))
struct ImageTests {
    /// A new folder for the test.
    private func folder(_ name: String) throws -> String {
        let path = "\(NSTemporaryDirectory())jackfield-image-tests-\(getpid())-\(name)"
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private func options(_ folders: String...) -> HostOptions {
        var options = HostOptions()
        options.imageFolders = folders
        return options
    }

    /// The lines of this process's `/proc/PID/maps` that contain a text. Not read with Foundation, which reads nothing
    /// from files whose size is 0.
    private func maps(with text: String) throws -> [String] {
        try Fixture.output("cat", ["/proc/\(getpid())/maps"]).split(separator: "\n").map(String.init).filter {
            $0.contains(text)
        }
    }

    @Test(
        "a plugin is mapped from a file with its name and generation, readable by its owner only, and removed when the host stops"
    )
    func namedFile() async throws {
        let parent = try folder("named")
        let test = try TestHost(options(parent))
        let path = try Fixture.library("small", named: "found")
        try await test.host.load(PluginSpec(path: path))
        let mapped = try maps(with: parent)
        let file = try #require(mapped.first?.split(separator: " ").last.map(String.init))
        #expect(file.hasSuffix("/\(path.split(separator: "/").last!.dropLast(3))-1.so"))
        #expect(try mapped.allSatisfy { !$0.contains("(deleted)") } && !maps(with: parent).isEmpty)
        #expect(FileManager.default.contents(atPath: file) == FileManager.default.contents(atPath: path))
        var status = stat()
        #expect(stat(PrivateCopy.folder(of: file), &status) == 0 && status.st_mode & 0o777 == 0o700)
        try await test.host.unload("small")
        try await test.host.load(PluginSpec(path: path))
        #expect(try maps(with: parent).contains { $0.hasSuffix("-2.so") })
        await test.stop()
        #expect(try FileManager.default.contentsOfDirectory(atPath: parent) == [])
    }

    @Test("a refused library leaves no copy")
    func refused() async throws {
        let parent = try folder("refused")
        let test = try TestHost(options(parent))
        for path in [try Fixture.file("text.so", Array("hello".utf8)), try Fixture.file("empty.so", [])] {
            await #expect(throws: PluginError.self) { try await test.host.load(PluginSpec(path: path)) }
        }
        let own = try #require(try FileManager.default.contentsOfDirectory(atPath: parent).first)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(parent)/\(own)") == [])
        await test.stop()
    }

    @Test("a library that is cut off anywhere is refused, before it is mapped")
    func cutOff() async throws {
        let whole = try #require(FileManager.default.contents(atPath: try Fixture.library("small")))
        let test = try TestHost()
        for size in [100, 2_000, whole.count / 2, whole.count - 1] {
            let path = try Fixture.file("cut-\(size).so", Array(whole.prefix(size)))
            let error = await #expect(throws: PluginError.self) { try await test.host.load(PluginSpec(path: path)) }
            #expect(error?.kind == .notAPlugin)
            #expect(error?.problem.hasPrefix("is cut off: it has \(size) bytes, and its headers describe at") == true)
        }
        #expect(try await test.host.load(PluginSpec(path: try Fixture.file("whole.so", Array(whole)))).name == "small")
        await test.stop()
    }

    @Test("the three newest folders of dead processes stay for their core dumps; locked folders and young folders stay")
    func leftovers() async throws {
        let parent = try folder("leftovers")
        let names = ["oldest", "living", "young", "old", "dead", "crashed"].map { "\(parent)/jackfield-images-1-\($0)" }
        for (index, name) in names.enumerated() {
            try FileManager.default.createDirectory(atPath: "\(name)/inner", withIntermediateDirectories: true)
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(name)/inner/x.so"))
            let age = name.hasSuffix("young") ? 0.0 : 3_600 * Double(names.count - index)
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: name)
        }
        let lock = open(names[1], O_RDONLY | O_DIRECTORY)
        #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
        let test = try TestHost(options(parent))
        try await test.host.load(PluginSpec(path: try Fixture.library("small")))
        #expect(names.map { FileManager.default.fileExists(atPath: $0) } == [false, true, true, true, true, true])
        await test.stop()
        close(lock)
    }

    @Test("the line about a loaded plugin has its file, its build-id and its private copy")
    func loadedLine() async throws {
        let parent = try folder("line")
        let test = try TestHost(options(parent))
        for (flag, expected) in [
            ("-Wl,--build-id=0xabcdef0123", "build-id abcdef0123"), ("-Wl,--build-id=none", "without a build-id"),
        ] {
            let path = try Fixture.build(
                "\(Fixture.root)/Tests/Fixtures/host/small.c", as: "line-\(flag.count)",
                ["-DNAME=\"line\"", "-DEVENT=\"line\"", flag])
            try await test.host.load(PluginSpec(path: path))
            let line = try #require(test.log.line(with: "maps \(path), \(expected), from its private copy \(parent)/"))
            let copy = try #require(line.split(separator: " copy ").last?.split(separator: " ").first.map(String.init))
            #expect(FileManager.default.contents(atPath: copy) == FileManager.default.contents(atPath: path))
            try await test.host.unload("line")
        }
        await test.stop()
    }

    @Test("without a folder for copies a plugin is loaded from memory, and the log says so")
    func memory() async throws {
        let test = try TestHost(options("/proc", "/nowhere"))
        try await test.host.load(PluginSpec(path: try Fixture.library("small")))
        #expect(test.client().ask(#"20["small"]"#) == #"30["small"]"#)
        let line = try #require(test.log.line(with: "loaded from memory"))
        #expect(line.contains("/proc: ") && line.contains("/nowhere: No such file or directory"))
        await test.stop()
    }

    @Test("a library finds another one in its own folder")
    func origin() async throws {
        let (parent, home) = (try folder("origin"), try folder("origin-home"))
        let (source, companion) = ("\(home)/companion.c", "\(home)/libcompanion.so")
        try Data("int companion(void) { return 7; }\n".utf8).write(to: URL(fileURLWithPath: source))
        try Fixture.run("cc", ["-shared", "-fPIC", "-o", companion, source])
        let library = "\(home)/needy.so"
        try Fixture.run(
            "cc",
            [
                "-shared", "-fPIC", "-I", "\(Fixture.root)/include", "-o", library,
                "\(Fixture.root)/Tests/Fixtures/host/small.c", "-Wl,--no-as-needed",
                "-L", home, "-lcompanion", "-Wl,-rpath,$ORIGIN", "-DNAME=\"needy\"", "-DEVENT=\"needy\"",
            ])
        let before = try FileManager.default.contentsOfDirectory(atPath: home)
        let test = try TestHost(options(parent))
        try await test.host.load(PluginSpec(path: library))
        #expect(test.client().ask(#"20["needy"]"#) == #"30["needy"]"#)
        #expect(try maps(with: parent).contains { $0.hasSuffix("/needy-1/needy-1.so") })
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: home) == before, "nothing is written beside a plugin")
        await test.stop()
        #expect(try FileManager.default.contentsOfDirectory(atPath: parent) == [])
    }
}
