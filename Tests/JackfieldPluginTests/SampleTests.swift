import CJackfield
import FakeHost
import Foundation
import Testing

@Suite struct SampleTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let sources = [
        "samples/hello-c/hello.c", "samples/json-c/json.c", "samples/timer-c/timer.c", "samples/stream-c/stream.c",
        "samples/gate-c/gate.c",
        "Tests/Fixtures/golden/golden.c", "Tests/Fixtures/protocol-suite/protocol_suite.c",
        "Tests/Fixtures/late-ack/late_ack.c",
    ]

    @Test(arguments: sources) func `every plugin in C compiles as strict C99`(source: String) throws {
        _ = try Self.compile(source)
    }

    @Test func `the smallest plugin answers`() throws {
        let host = FakeHost()
        #expect(try host.load(Self.open(Self.compile("samples/hello-c/hello.c"))) == nil)
        let token = host.emit("hello")
        #expect(host.acts == [.acked(token, #"["hello, stranger"]"#)])
    }

    @Test func `the Swift sample answers, and fits in twenty lines`() throws {
        let source = try String(
            contentsOf: Self.root.appending(path: "samples/hello-swift/Sources/Greeter.swift"), encoding: .utf8)
        #expect(source.split(separator: "\n", omittingEmptySubsequences: false).count <= 21)
        let host = FakeHost()
        #expect(try host.load(Self.open(Self.built("libhello-swift.so"))) == nil)
        #expect(host.signature(of: "hello") == "() -> string")
        let token = host.emit("hello", user: "alice")
        #expect(host.acts == [.acked(token, #"["hello, alice: you are number 1"]"#)])
    }

    @Test func `a stream resumes after the last event and ends`() throws {
        let host = FakeHost()
        #expect(try host.load(Self.open(Self.compile("samples/stream-c/stream.c"))) == nil)
        for line in ["one", "two"] { host.request("POST", "/v1/streams/s", body: line) }
        let reader = host.request("GET", "/v1/streams/s", headers: [("last-event-id", "1")])
        host.request("DELETE", "/v1/streams/s")
        let tick = host.timers[0]
        tick.handler?(host.instance, tick.context)
        #expect(
            host.acts.filter { if case .responded = $0 { false } else { true } } == [
                .streamed(reader, "id: 2\ndata: two\n\n"), .streamed(reader, "event: end\ndata:\n\n"),
                .streamEnded(reader),
            ])
        // One batch for each line, and one for the end.
        #expect(host.batches == 3)
        let unknown = host.request("GET", "/v1/streams/other")
        #expect(host.acts.last == .problem(unknown, status: 404, code: "not_found"))
    }

    @Test func `after close no session opens until open`() throws {
        let host = FakeHost()
        #expect(try host.load(Self.open(Self.compile("samples/gate-c/gate.c"))) == nil)
        #expect(try #require(host.handshake()) == (JF_OK, ""))
        host.request("POST", "/v1/gate/close")
        #expect(try #require(host.handshake()) == (JF_E_DENIED, "closed for maintenance, come back in a few minutes"))
        host.request("POST", "/v1/gate/open")
        #expect(try #require(host.handshake()) == (JF_OK, ""))
    }

    @Test func `a plugin without an allowRequest hook has no handshake function`() throws {
        let host = FakeHost()
        #expect(try host.load(Self.open(Self.built("libhello-swift.so"))) == nil)
        #expect(host.handshake() == nil)
    }

    @Test func `a Swift plugin exports jf_plugin_main and no symbol of the SDK`() throws {
        let image = try #require(dlopen(Self.built("libhello-swift.so"), RTLD_NOW | RTLD_LOCAL))
        #expect(dlsym(image, "jf_plugin_main") != nil)
        // The metadata of the SDK's `Socket`, which every Swift plugin contains.
        #expect(dlsym(image, "$s15JackfieldPlugin6SocketVN") == nil)
    }

    // MARK: Tools

    struct CompilerFailed: Error {
        let output: String
    }

    /// Compiles a C file. Returns the path of the library, in a new temporary folder.
    static func compile(_ source: String) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "jackfield-samples-\(ProcessInfo.processInfo.globallyUniqueString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let library = folder.appending(path: "plugin.so").path
        let compiler = Process()
        let output = Pipe()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = [
            "cc", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC", "-pthread", "-I",
            root.appending(path: "include").path, "-o", library, root.appending(path: source).path,
        ]
        compiler.standardError = output
        try compiler.run()
        let words = output.fileHandleForReading.readDataToEndOfFile()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else {
            throw CompilerFailed(output: String(decoding: words, as: UTF8.self))
        }
        return library
    }

    /// The path of a library that the package built. It is in the folder of the test's executable.
    static func built(_ name: String) -> String {
        let candidates =
            [CommandLine.arguments[0], Bundle.main.executablePath ?? "", "/proc/self/exe"].map {
                URL(filePath: $0).resolvingSymlinksInPath().deletingLastPathComponent().appending(path: name).path
            } + [".build/debug/\(name)", ".build/release/\(name)"]
        return candidates.first { FileManager.default.fileExists(atPath: $0) } ?? name
    }

    /// Loads a library and returns its `jf_plugin_main`. Never unloads it, because the Swift runtime would crash.
    static func open(_ path: String) throws -> FakeHost.Main {
        guard let image = dlopen(path, RTLD_NOW | RTLD_LOCAL), let symbol = dlsym(image, "jf_plugin_main") else {
            throw CompilerFailed(output: dlerror().map { String(cString: $0) } ?? path)
        }
        typealias CMain = @convention(c) (UnsafePointer<jf_boot>?, UnsafeMutablePointer<jf_plugin>?) -> Int32
        let main = unsafeBitCast(symbol, to: CMain.self)
        return { main($0, $1) }
    }
}
