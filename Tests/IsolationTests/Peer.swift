import Foundation
import Glibc
import Support
import Synchronization
import Testing

@testable import Isolation

/// A running IsolationPeer, with the lines that it writes and the way it ends.
final class Peer: Sendable {
    let channel: SharedChannel
    let process: WorkerProcess
    private let result: Result

    private final class Result: Sendable {
        let lines = Mutex<[String]>([])
        let exit = Mutex<WorkerProcess.Exit?>(nil)
        let hasEnded = DispatchSemaphore(value: 0)
    }

    /// The peer and the test runner are in the same folder.
    static func executable() throws -> String {
        let runner = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let candidates = ([runner] + CommandLine.arguments.filter { $0.hasSuffix(".xctest") })
            .map { ($0 as NSString).deletingLastPathComponent + "/IsolationPeer" }
        return try #require(candidates.first { FileManager.default.isExecutableFile(atPath: $0) })
    }

    /// A folder that does not exist yet, in one that exists.
    static func newFolder() -> String { "\(NSTemporaryDirectory())/jackfield-peer-\(UUID().uuidString)" }

    init(
        _ arguments: String..., limits: WorkerLimits = WorkerLimits(), environment: [String]? = nil,
        folder: String = newFolder(), spinNanoseconds: Int64 = 0
    ) throws {
        var options = SharedChannel.Options()
        options.ringBytes = 1 << 16
        options.spinNanoseconds = spinNanoseconds
        let channel = try SharedChannel.create(options)
        let result = Result()
        self.channel = channel
        self.result = result
        let settings = WorkerProcess.Settings(
            executable: try Self.executable(), arguments: arguments, environment: environment, name: "peer",
            folder: folder, limits: limits)
        process = try WorkerProcess.start(settings, channel: channel) { line in
            result.lines.withLock { $0.append(line) }
        } onExit: { exit in
            channel.endPeer()
            rmdir(folder)
            result.exit.withLock { $0 = exit }
            result.hasEnded.signal()
        }
    }

    deinit { process.kill() }

    /// What the peer has written to its outputs.
    var lines: [String] { result.lines.withLock { $0 } }

    /// How the peer ended; waits for it.
    func exit() -> WorkerProcess.Exit? {
        guard result.hasEnded.wait(timeout: .now() + 120) == .success else { return nil }
        return result.exit.withLock { $0 }
    }

    /// The next message as text.
    func text() -> String? { channel.receive().map { String(decoding: $0, as: UTF8.self) } }
}
