import Logging
import Synchronization

/// Folds lines that repeat: of those that are alike (``LogLine/template``) the first is written at once, and then one in each interval, with how many came.
/// So nobody who repeats a mistake can fill a disk, and nothing goes uncounted. Any thread.
final class LogFolder: Sendable {
    private struct Entry {
        /// When the interval ends; ms of a clock that does not jump.
        var end: Int64
        /// Lines that were not written in this interval.
        var repeats = 0
        /// The latest of them.
        var latest: LogLine
    }

    private struct State {
        var entries: [UInt64: Entry] = [:]
        /// Lines that were not written because ``templateLimit`` others are being watched.
        var others = 0
        var isTimerSet = false
    }

    /// Kinds of lines that are told apart at a time; a further kind is counted only.
    static let templateLimit = 1_024

    private let interval: Int64
    private let write: @Sendable (LogLine) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - interval: in ms; 0: every line is written.
    ///   - write: writes one line; called outside the lock, since it may wait for whoever reads the log.
    init(interval: Int64, write: @escaping @Sendable (LogLine) -> Void) {
        self.interval = interval
        self.write = write
    }

    /// Writes the line, or counts it.
    ///
    /// - Parameter now: ms of the clock of ``tick(now:)``.
    func log(_ line: LogLine, now: Int64) {
        // Who asks for details wants all of them.
        guard interval > 0, line.level >= .info else { return write(line) }
        let template = line.template
        let (isWritten, mustSetTimer) = state.withLock { state -> (Bool, Bool) in
            let isWritten = Self.enter(line, template, until: now + interval, &state)
            defer { state.isTimerSet = true }
            return (isWritten, !state.isTimerSet)
        }
        if mustSetTimer { setTimer() }
        if isWritten { write(line) }
    }

    private static func enter(_ line: LogLine, _ template: UInt64, until end: Int64, _ state: inout State) -> Bool {
        if state.entries[template] != nil {
            state.entries[template]?.repeats += 1
            state.entries[template]?.latest = line
            return false
        }
        guard state.entries.count < templateLimit else {
            state.others += 1
            return false
        }
        state.entries[template] = Entry(end: end, latest: line)
        return true
    }

    /// Writes what was counted in the intervals that have ended by `now`.
    ///
    /// - Returns: whether something is still being watched.
    @discardableResult
    func tick(now: Int64) -> Bool {
        let (lines, isWatching) = state.withLock { state -> ([LogLine], Bool) in
            var lines: [LogLine] = []
            for (template, entry) in state.entries where entry.end <= now {
                if entry.repeats > 0 {
                    lines.append(Self.summary(entry))
                    // It goes on being watched: a flood that lasts is one line for each interval.
                    state.entries[template] = Entry(end: now + interval, latest: entry.latest)
                } else {
                    state.entries[template] = nil
                }
            }
            if state.others > 0, state.entries.count < Self.templateLimit {
                lines.append(LogLine(level: .warning, message: "\(state.others) lines of too many other kinds were left out", metadata: [:]))
                state.others = 0
            }
            state.isTimerSet = !state.entries.isEmpty
            return (lines, state.isTimerSet)
        }
        for line in lines { write(line) }
        return isWatching
    }

    /// Writes what was counted so far: at the end of the process.
    func flush() { tick(now: .max - interval) }

    private static func summary(_ entry: Entry) -> LogLine {
        var line = entry.latest
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
            repeat { try? await Task.sleep(for: .milliseconds(min(interval, 1_000))) } while tick(now: Timestamp.monotonic)
        }
    }
}
