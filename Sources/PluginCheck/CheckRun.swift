import CCheckRecord
import Foundation
import PluginHost
import Support
import Synchronization

/// One test in its process: what it is to do, what it has found, and the step that it is at.
///
/// `@unchecked Sendable`: `record` is written by the thread of the test, and read by another process.
final class CheckRun: @unchecked Sendable {
    let path: String
    let options: CheckOptions
    /// Bytes of the plugin's file, and of its writable segments.
    let fileSize: Int
    let writableBytes: Int
    private let record: UnsafeMutablePointer<jf_check_record>
    private let found = Mutex<[CheckFinding]>([])
    private static let mostFindings = 50

    init(_ request: CheckRequest, record: UnsafeMutablePointer<jf_check_record>) {
        path = request.path
        options = request.options
        fileSize = request.fileSize
        writableBytes = request.writableBytes
        self.record = record
    }

    /// Notes what is about to be done, so that it is known if the process ends.
    func step(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                jf_check_record_set_step(record, $0.baseAddress, UInt64($0.count))
            }
        }
    }

    // MARK: Findings

    var findings: [CheckFinding] { found.withLock { $0 } }

    func fail(_ text: String) { add(.failure, text) }
    func warn(_ text: String) { add(.warning, text) }
    func note(_ text: String) { add(.note, text) }

    private func add(_ severity: CheckFinding.Severity, _ text: String) {
        let finding = CheckFinding(severity, text.cut(to: 2_048))
        found.withLock { if $0.count < Self.mostFindings, !$0.contains(finding) { $0.append(finding) } }
    }

    // MARK: Hosts

    /// How each host loads the plugin.
    var spec: PluginSpec { PluginSpec(path: path, config: Array(options.config.utf8)) }

    /// How often one process may load the plugin: each load has a copy of the file, which stays mapped.
    var mostLoads: Int { Self.mostLoads(ofFileWith: fileSize) }

    static func mostLoads(ofFileWith bytes: Int) -> Int { max(16, mostCopiedBytes / max(1, bytes)) }

    private static let mostCopiedBytes = 512 << 20

    /// Loads the plugin into a host, calls `body`, and unloads it.
    func withPlugin(_ body: (CheckHost) throws -> Void) throws {
        let host = try CheckHost(self)
        try host.load()
        try body(host)
        try host.unload()
        host.stop()
    }
}

/// Why a test cannot go on: the text of a finding.
struct CheckFailure: Error {
    let text: String

    init(_ text: String) {
        self.text = text
    }
}

/// What the process of a test reads from its descriptor 3.
struct CheckRequest: Codable {
    let test: String
    let path: String
    let options: CheckOptions
    let fileSize: Int
    let writableBytes: Int
}
