import CoreMetrics
import Logging
import Support
import Synchronization

/// Folds repeated lines. Of the lines with one ``LogLine/template`` the first is written at once, and then one in each
/// interval, with the number of repetitions. So a client that repeats a mistake cannot fill the disk, and every line is
/// counted. Any thread.
final class LogDeduplicator: Sendable {
    private struct Entry {
        /// When the interval ends, in ms of ``Clock/monotonicMilliseconds``.
        var end: Int64
        /// Lines that were not written in this interval.
        var repeats = 0
        /// The first line.
        var line: LogLine
    }

    private struct State {
        var entries: [UInt64: Entry] = [:]
        /// Lines that were not written because there were ``templateLimit`` entries.
        var others = 0
        var isTimerSet = false
    }

    /// Maximum number of entries. Lines with another template are only counted.
    static let templateLimit = 1_024

    private let interval: Int64
    private let write: @Sendable (LogLine) -> Void
    private let state = Mutex(State())
    /// Lines that were counted instead of written.
    private let folded: Counter

    /// - Parameters:
    ///   - interval: in ms; 0: every line is written.
    ///   - metrics: makes the counter of the folded lines.
    ///   - write: writes one line; called outside the lock, since it blocks while the reader of the log is slow.
    init(interval: Int64, metrics: any MetricsFactory, write: @escaping @Sendable (LogLine) -> Void) {
        self.interval = interval
        folded = Counter(label: "jackfield_log_lines_folded_total", factory: metrics)
        self.write = write
    }

    /// Writes the line, or counts it.
    ///
    /// - Parameter now: ms of the clock of ``tick(now:)``.
    func log(_ line: LogLine, now: Int64) {
        log(line.level, template: line.template, now: now) { line }
    }

    /// Does the same for a line that is created only if it is written.
    ///
    /// - Parameter template: a hash of what repeated lines have in common, as ``LogLine/template``.
    func log(_ level: Logger.Level, template: UInt64, now: Int64, _ line: () -> LogLine) {
        // Lines below `info` are for debugging, where every line matters.
        guard interval > 0, level >= .info else { return write(line()) }
        let (written, mustSetTimer) = state.withLock { state -> (LogLine?, Bool) in
            if let index = state.entries.index(forKey: template) {
                state.entries.values[index].repeats += 1
                folded.increment()
                return (nil, false)
            }
            guard state.entries.count < Self.templateLimit else {
                state.others += 1
                folded.increment()
                return (nil, false)
            }
            let line = line()
            state.entries[template] = Entry(end: now + interval, line: line)
            defer { state.isTimerSet = true }
            return (line, !state.isTimerSet)
        }
        if mustSetTimer { setTimer() }
        if let written { write(written) }
    }

    /// Writes the repetitions of the intervals that have ended by `now`.
    ///
    /// - Returns: whether there are entries left.
    @discardableResult
    func tick(now: Int64) -> Bool {
        let (lines, isWatching) = state.withLock { state -> ([LogLine], Bool) in
            var lines: [LogLine] = []
            for (template, entry) in state.entries where entry.end <= now {
                if entry.repeats > 0 {
                    lines.append(Self.summary(entry))
                    // The entry stays, so that a lasting flood causes one line in each interval.
                    state.entries[template] = Entry(end: now + interval, line: entry.line)
                } else {
                    state.entries[template] = nil
                }
            }
            if state.others > 0, state.entries.count < Self.templateLimit {
                lines.append(
                    LogLine(
                        level: .warning, message: "\(state.others) lines of too many other kinds were left out",
                        metadata: [:]))
                state.others = 0
            }
            state.isTimerSet = !state.entries.isEmpty
            return (lines, state.isTimerSet)
        }
        for line in lines { write(line) }
        return isWatching
    }

    /// Writes all repetitions counted so far. Call it at the end of the process.
    func flush() { tick(now: .max - interval) }

    private static func summary(_ entry: Entry) -> LogLine {
        var line = entry.line
        line.message += " (repeated \(grouped(entry.repeats)) \(entry.repeats == 1 ? "time" : "times"))"
        return line
    }

    /// `4812` as `4,812`.
    private static func grouped(_ number: Int) -> String {
        var digits = String(number)
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
            place -= 3
        }
        return digits
    }

    private func setTimer() {
        Task.detached { [self] in
            repeat {
                try? await Task.sleep(for: .milliseconds(min(interval, 1_000)))
            } while tick(now: Clock.monotonicMilliseconds)
        }
    }
}

/// One line of the log, before it is formatted. Its length is bounded.
struct LogLine: Sendable {
    var level: Logger.Level
    var message: String
    /// The metadata, sorted by key.
    var pairs: [(key: String, value: String)]

    /// Maximum bytes of a message; a longer one is cut. It is larger than the limit of a plugin's line, so that the
    /// note about a cut line is kept.
    static let messageLimit = 4_160
    /// Maximum bytes of one metadata value.
    static let valueLimit = 512

    /// Bytes of a message that are compared.
    private static let templateLength = 256

    init(level: Logger.Level, message: String, metadata: Logger.Metadata) {
        self.level = level
        self.message = message.cut(to: Self.messageLimit)
        pairs = metadata.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)".cut(to: Self.valueLimit)) }
    }

    /// A hash of what repeated lines have in common: level, plugin, reason, and the message without its numbers. What
    /// differs from one repetition to the next, such as an address or a name that a client chose, belongs in other
    /// metadata.
    var template: UInt64 {
        var hasher = Hasher()
        hasher.combine(level)
        withUnsafeTemporaryAllocation(byteCount: Self.templateLength, alignment: 1) { text in
            var count = 0
            for byte in message.utf8 where count < text.count {
                let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                // A run of digits counts as one digit.
                if isDigit, count > 0, text[count - 1] == UInt8(ascii: "0") { continue }
                text[count] = isDigit ? UInt8(ascii: "0") : byte
                count += 1
            }
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: text[..<count]))
        }
        for pair in pairs where pair.key == "plugin" || pair.key == "reason" {
            hasher.combine(pair.key)
            hasher.combine(pair.value)
        }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
