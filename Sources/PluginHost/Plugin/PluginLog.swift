import Logging
import Support
import Synchronization

/// Writes the log lines of and about one plugin. Lines beyond a limit each second are suppressed; their number is
/// logged with the first line of a later second.
final class PluginLog: Sendable {
    private struct State {
        var logger: Logger
        var second: Int64 = 0
        var written = 0
        var suppressed = 0
    }

    /// Lines a second; the header promises this number.
    static let limit = 100
    /// Bytes of a line, without the mark for a cut; the header promises this number.
    static let longestLine = 4_096

    private let state: Mutex<State>
    private let leftOutCount = Atomic<UInt64>(0)

    /// Lines suppressed, ever.
    var leftOut: UInt64 { leftOutCount.load(ordering: .relaxed) }

    init(_ logger: Logger, plugin: String) {
        var logger = logger
        logger[metadataKey: "plugin"] = "\(plugin)"
        state = Mutex(State(logger: logger))
    }

    /// Changes the metadata once the plugin's own name is known.
    func rename(_ plugin: String, version: String) {
        state.withLock {
            $0.logger[metadataKey: "plugin"] = "\(plugin)"
            $0.logger[metadataKey: "version"] = "\(version)"
        }
    }

    func debug(_ line: @autoclosure () -> String) { write(.debug) { line().cut(to: Self.longestLine) } }
    func info(_ line: @autoclosure () -> String) { write(.info) { line().cut(to: Self.longestLine) } }
    func warning(_ line: @autoclosure () -> String) { write(.warning) { line().cut(to: Self.longestLine) } }
    func error(_ line: @autoclosure () -> String) { write(.error) { line().cut(to: Self.longestLine) } }

    /// - Parameter line: at most ``longestLine`` bytes, plus a mark if it was cut.
    func write(_ level: Logger.Level, _ line: () -> String) {
        let second = Clock.coarseNanoseconds / 1_000_000_000
        // The log handler is called outside the lock: it may be slow, or log through this object.
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
        if !isWritten, level >= logger.logLevel { leftOutCount.wrappingAdd(1, ordering: .relaxed) }
        if missed > 0 { logger.warning("\(missed) lines were left out: more than \(Self.limit) a second") }
        if isWritten { logger.log(level: level, "\(line())") }
    }
}
