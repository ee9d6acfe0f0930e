import Foundation
import Glibc
import Logging
import RawJSON
import Support
import Testing

@testable import Daemon

@Suite("The control socket")
struct ControlSocketTests: Sendable {
    /// A folder of the test, which is removed at its end.
    private final class Folder: Sendable {
        let path = FileManager.default.temporaryDirectory.appending(path: "jf-\(UUID().uuidString.prefix(8))").path
        var socket: String { "\(path)/sub/control.sock" }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private let folder = Folder()

    /// Listens, and answers each command with its name.
    private func open(
        answer: @escaping @Sendable (ControlRequest) async -> JSONValue = { ["ok": .string($0.command)] }
    ) throws -> ControlSocket {
        let socket = try ControlSocket(at: folder.socket, logger: Logger(label: "test"), answer: answer)
        socket.start()
        return socket
    }

    private func problem() -> String {
        do throws(ControlSocket.Unavailable) {
            _ = try ControlSocket(at: folder.socket, logger: Logger(label: "test")) { _ in .null }
            return ""
        } catch {
            return error.problem
        }
    }

    private var mode: mode_t? {
        var status = stat()
        return lstat(folder.socket, &status) == 0 ? status.st_mode : nil
    }

    /// Runs a blocking call on a thread of its own: on a thread of Swift's tasks it could wait for an answer that needs
    /// the same thread.
    private func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Swift.Result { try body() }) }.start()
        }
    }

    private func request(_ command: String) async throws -> JSONValue {
        let client = ControlClient(path: folder.socket)
        return try await blocking { try client.request(command) }
    }

    /// Why a request was not answered.
    private func failure() async -> ControlClient.Failure? {
        do {
            _ = try await request("hello")
            return nil
        } catch {
            return error as? ControlClient.Failure
        }
    }

    private func connect() throws -> Int32 {
        let descriptor = UnixAddress.socket()
        try #require(try #require(UnixAddress(path: folder.socket)).connect(descriptor) == 0)
        return descriptor
    }

    /// The answer to bytes that need not be a request.
    private func answer(to bytes: [UInt8]) async throws -> JSONValue {
        let descriptor = try connect()
        return try await blocking {
            var connection = ControlConnection(descriptor)
            defer { connection.close() }
            let deadline = Clock.monotonicMilliseconds + 10_000
            try? connection.write(line: bytes, until: deadline)
            return try JSONValue(parsing: try connection.readLine(limit: 1 << 20, until: deadline))
        }
    }

    @Test("a request is answered, its folder is made, only the owner may use its file, and the end removes it")
    func answers() async throws {
        let socket = try open()
        #expect(mode.map { $0 & 0o777 } == 0o600)
        #expect(try await request("hello") == "hello")
        socket.close()
        #expect(mode == nil)
        #expect(await failure()?.description.contains("there is no such file") == true)
    }

    @Test("the file of a daemon that is dead is replaced")
    func stale() async throws {
        try FileManager.default.createDirectory(atPath: "\(folder.path)/sub", withIntermediateDirectories: true)
        let dead = UnixAddress.socket()
        #expect(try #require(UnixAddress(path: folder.socket)).bind(dead) == 0)
        close(dead)
        #expect(await failure()?.description.contains("the one that made it has ended") == true)
        let socket = try open()
        defer { socket.close() }
        #expect(try await request("hello") == "hello")
    }

    @Test("the socket of a living daemon stays, and the problem names its process")
    func inUse() async throws {
        let socket = try open()
        #expect(problem().contains("in use by process \(getpid()); "))
        #expect(try await request("hello") == "hello")
        socket.close()
        #expect(problem() == "")
    }

    @Test("another file is not replaced")
    func otherFile() async throws {
        try FileManager.default.createDirectory(atPath: "\(folder.path)/sub", withIntermediateDirectories: true)
        try Data("x".utf8).write(to: URL(fileURLWithPath: folder.socket))
        #expect(problem().contains("is no socket"))
        #expect(mode.map { $0 & S_IFMT } == S_IFREG)
        #expect(await failure()?.description == "control socket \(folder.socket): it is no socket")
    }

    @Test("what is no request gets an error, and the next request is answered")
    func badRequests() async throws {
        let socket = try open()
        defer { socket.close() }
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: ControlSocket.longestRequest + 1)
        for bytes in [Array("hello".utf8), Array("{}".utf8), Array("[]".utf8), [0xFF], [], long] {
            #expect(try await answer(to: bytes)["error"]?["code"] == "invalid_arguments")
        }
        let longest = Array(#"{"command":"x","y":""#.utf8) + Array(long.dropFirst(23)) + Array(#""}"#.utf8)
        #expect(longest.count == ControlSocket.longestRequest)
        #expect(try await answer(to: longest) == ["ok": "x"])
    }

    @Test("of commands that run for long, 16 are accepted, the next one is refused, and the end of one makes space")
    func manyAtATime() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let socket = try self.open { request in
            if request.command == "wait" {
                begin.finish()
                for await _ in gate {}
            }
            return ["ok": .string(request.command)]
        }
        defer { socket.close() }
        async let waiting = request("wait")
        for await _ in begun {}
        // Requests that do not end, which hold their connections for 10 s.
        let held = try (1..<ControlSocket.connectionLimit).map { _ in try connect() }
        var refusal: ControlClient.Failure?
        while refusal == nil { refusal = await failure() }
        #expect(refusal?.code == "overloaded")
        for descriptor in held { close(descriptor) }
        while await failure() != nil {}
        open.finish()
        #expect(try await waiting == "wait")
    }
}
