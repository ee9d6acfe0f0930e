import Logging
import Synchronization

/// Log lines of and about one plugin. Beyond a limit each second they are counted, and the number is written when the second is over.
final class PluginLog: Sendable {
    private struct State {
        var logger: Logger
        var second: Int64 = 0
        var written = 0
        var suppressed = 0
    }

    /// Lines a second; the header promises this number.
    static let limit = 100
    /// Bytes of a line; the header promises this number.
    static let longestLine = 4_096

    private let state: Mutex<State>

    init(_ logger: Logger, plugin: String) {
        var logger = logger
        logger[metadataKey: "plugin"] = "\(plugin)"
        state = Mutex(State(logger: logger))
    }

    /// Once the plugin has said what it is called.
    func rename(_ plugin: String, version: String) {
        state.withLock {
            $0.logger[metadataKey: "plugin"] = "\(plugin)"
            $0.logger[metadataKey: "version"] = "\(version)"
        }
    }

    func debug(_ line: @autoclosure () -> String) { write(.debug, line) }
    func info(_ line: @autoclosure () -> String) { write(.info, line) }
    func warning(_ line: @autoclosure () -> String) { write(.warning, line) }
    func error(_ line: @autoclosure () -> String) { write(.error, line) }

    func write(_ level: Logger.Level, _ line: () -> String) {
        let second = Clock.coarseNanoseconds / 1_000_000_000
        // The backend is called outside the lock: it may be slow, or come back.
        let (logger, missed, isWritten) = state.withLock { state -> (Logger, Int, Bool) in
            guard level >= state.logger.logLevel else { return (state.logger, 0, false) }
            var missed = 0
            if state.second != second {
                missed = state.suppressed
                state.second = second
                state.written = 0
                state.suppressed = 0
            }
            guard state.written < Self.limit else {
                state.suppressed += 1
                return (state.logger, 0, false)
            }
            state.written += 1
            return (state.logger, missed, true)
        }
        if missed > 0 { logger.warning("\(missed) lines were left out: more than \(Self.limit) a second") }
        guard isWritten else { return }
        let text = line()
        logger.log(level: level, "\(text.utf8.count <= Self.longestLine ? text : Self.cut(text))")
    }

    private static func cut(_ text: String) -> String {
        var text = text
        return text.withUTF8 { cut(UnsafeRawBufferPointer($0)) }
    }

    /// As much of a line as is written: whole characters.
    static func cut(_ line: UnsafeRawBufferPointer) -> String {
        guard line.count > longestLine else { return String(decoding: line, as: UTF8.self) }
        var end = longestLine
        // Not in the middle of a character: its following bytes are 10xxxxxx.
        while end > longestLine - 4, line[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: line[..<end], as: UTF8.self)
    }
}
