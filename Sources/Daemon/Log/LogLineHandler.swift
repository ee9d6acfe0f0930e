import CoreMetrics
import Foundation
import Glibc
import Logging
import RawJSON
import Support
import Synchronization

/// Converts each log message to a ``LogLine`` and passes it to a ``LogDeduplicator``, which writes it with
/// ``LogWriter``.
struct LogLineHandler: LogHandler {
    let deduplicator: LogDeduplicator
    /// The level of the daemon's log, for all copies that have no level of their own.
    let threshold: LogThreshold
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]

    init(deduplicator: LogDeduplicator, threshold: LogThreshold) {
        self.deduplicator = deduplicator
        self.threshold = threshold
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? threshold.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let merged = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        deduplicator.log(
            LogLine(level: event.level, message: "\(event.message)", metadata: merged), now: Clock.monotonicMilliseconds
        )
    }
}

/// The lowest severity that is logged, which may change while the daemon runs. Any thread.
final class LogThreshold: Sendable {
    private static let levels = Logger.Level.allCases
    /// An index of ``levels``.
    private let index: Atomic<Int>

    init(_ level: Logger.Level) {
        index = Atomic(Self.index(of: level))
    }

    var level: Logger.Level {
        get { Self.levels[index.load(ordering: .relaxed)] }
        set { index.store(Self.index(of: newValue), ordering: .relaxed) }
    }

    private static func index(of level: Logger.Level) -> Int { levels.firstIndex(of: level) ?? 0 }
}

/// Writes lines to standard error, as text or as JSON.
///
/// A line is one `write(2)`, so that lines of several threads never mix. The call blocks while the reader of standard
/// error is slow. The host therefore folds all lines above the level `debug` that a message or connection can cause.
struct LogWriter: Sendable {
    let label: String
    let format: Configuration.Log.Format

    func write(_ line: LogLine) {
        let time = RFC3339.text(milliseconds: Clock.wallMilliseconds)
        var bytes =
            switch format {
            case .text: text(time, line.level, line.message, line.pairs)
            case .json: json(time, line.level, line.message, line.pairs)
            }
        bytes.append(UInt8(ascii: "\n"))
        bytes.withUnsafeBytes { bytes in
            // Errors are ignored: the daemon serves even if its log cannot be written.
            _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }

    private func text(_ time: String, _ level: Logger.Level, _ message: String, _ pairs: [(key: String, value: String)])
        -> [UInt8]
    {
        let name = level.rawValue.uppercased()
        var line = Array("\(time) \(name.padding(toLength: 7, withPad: " ", startingAt: 0)) \(oneLine(message))".utf8)
        for (key, value) in pairs {
            line += " \(key)=".utf8
            // A value that is empty, or has a blank, a quote or a control character, is quoted as JSON.
            if value.isEmpty || value.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "\"") }) {
                JSONText.appendQuoted(value, to: &line)
            } else {
                line += value.utf8
            }
        }
        return line
    }

    private func json(_ time: String, _ level: Logger.Level, _ message: String, _ pairs: [(key: String, value: String)])
        -> [UInt8]
    {
        var line = JSONWriter()
        line.beginObject()
        line.text(time, key: "time")
        line.text(level.rawValue, key: "level")
        line.text(label, key: "logger")
        line.text(message, key: "message")
        for (key, value) in pairs { line.text(value, key: key) }
        line.endObject()
        return line.bytes
    }

    /// Escapes control characters: a line break in a message must not look like another line of the log, and an escape
    /// sequence must not reach a terminal.
    private func oneLine(_ message: String) -> String {
        guard message.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return message }
        var text = ""
        for scalar in message.unicodeScalars {
            switch scalar {
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension Configuration.Log {
    /// A logger as configured, the deduplicator of its lines, and the level of the logger and its copies.
    func logger(label: String, metrics: any MetricsFactory) -> (Logger, LogDeduplicator, LogThreshold) {
        let threshold = LogThreshold(level.swiftLog)
        let writer = LogWriter(label: label, format: format)
        let deduplicator = LogDeduplicator(interval: Int64(repeatInterval.wholeMilliseconds), metrics: metrics) {
            writer.write($0)
        }
        return (
            Logger(label: label) { _ in LogLineHandler(deduplicator: deduplicator, threshold: threshold) },
            deduplicator, threshold
        )
    }
}

extension Configuration.Log.Level {
    var swiftLog: Logger.Level {
        Logger.Level(rawValue: rawValue) ?? .info
    }
}
