import Logging
import Synchronization

/// A log that tests can read.
final class RecordingLog: LogHandler, Sendable {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { recorded.withLock { $0 } }

    /// The first line that holds `text`.
    func line(with text: String) -> String? { lines.first { $0.contains(text) } }

    /// The same, waiting for it for some seconds.
    func waitForLine(with text: String) async -> String? {
        for _ in 0..<500 {
            if let line = line(with: text) { return line }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return nil
    }

    func log(event: LogEvent) {
        recorded.withLock { $0.append("\(event.level): \(event.message)") }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }

    var logLevel: Logger.Level {
        get { .debug }
        set {}
    }
}
