import Foundation
import Logging
import RawJSON

/// Writes one line for each log message to standard error, for people or for machines.
///
/// A line is one `write(2)`, so that lines of several threads never mix. It may wait for whoever reads standard error; the host therefore logs
/// nothing for each message or connection above the level `debug`.
struct LogLineHandler: LogHandler {
    let label: String
    let format: Configuration.Log.Format
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let merged = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        let pairs = merged.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let time = Timestamp.rfc3339(milliseconds: Timestamp.now)
        var line: [UInt8] = []
        switch format {
        case .text: writeText(time, event.level, "\(event.message)", pairs, to: &line)
        case .json: writeJSON(time, event.level, "\(event.message)", pairs, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        line.withUnsafeBytes { bytes in
            // A log that nobody takes is no reason to stop serving.
            _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }

    private func writeText(
        _ time: String, _ level: Logger.Level, _ message: String, _ pairs: [(String, String)], to line: inout [UInt8]
    ) {
        let name = level.rawValue.uppercased()
        line += "\(time) \(name.padding(toLength: 7, withPad: " ", startingAt: 0)) \(oneLine(message))".utf8
        for (key, value) in pairs {
            line += " \(key)=".utf8
            // Quoted as JSON where it would not end at the next blank.
            if value.isEmpty || value.utf8.contains(where: { $0 <= 0x20 || $0 == UInt8(ascii: "\"") }) {
                JSONText.appendQuoted(value, to: &line)
            } else {
                line += value.utf8
            }
        }
    }

    private func writeJSON(
        _ time: String, _ level: Logger.Level, _ message: String, _ pairs: [(String, String)], to line: inout [UInt8]
    ) {
        line += "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"logger\":".utf8
        JSONText.appendQuoted(label, to: &line)
        line += ",\"message\":".utf8
        JSONText.appendQuoted(message, to: &line)
        for (key, value) in pairs {
            line.append(UInt8(ascii: ","))
            JSONText.appendQuoted(key, to: &line)
            line.append(UInt8(ascii: ":"))
            JSONText.appendQuoted(value, to: &line)
        }
        line.append(UInt8(ascii: "}"))
    }

    /// A line break in a message, whoever it came from, must not look like another line of the log.
    private func oneLine(_ message: String) -> String {
        guard message.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return message }
        return message.replacingOccurrences(of: "\r", with: "\\r").replacingOccurrences(of: "\n", with: "\\n")
    }
}

extension Configuration.Log {
    /// A logger as configured.
    func logger(label: String) -> Logger {
        Logger(label: label) { LogLineHandler(label: $0, format: format, logLevel: level.swiftLog) }
    }
}

extension Configuration.Log.Level {
    var swiftLog: Logger.Level {
        Logger.Level(rawValue: rawValue) ?? .info
    }
}
