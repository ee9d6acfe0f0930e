import Logging
import PrometheusMetrics
import Support
import Synchronization
import Testing

@testable import Daemon

@Suite("Folded log lines")
struct LogDeduplicatorTests {
    final class Written: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: LogLine) { lines.withLock { $0.append("\(line.level) \(line.message)") } }
    }

    private let written = Written()
    private let metrics = PrometheusRegistry()

    private func deduplicator(interval: Int64 = 10_000) -> LogDeduplicator {
        LogDeduplicator(interval: interval, metrics: metrics) { [written] in written.add($0) }
    }

    private func line(_ message: String, _ level: Logger.Level = .info, _ metadata: Logger.Metadata = [:]) -> LogLine {
        LogLine(level: level, message: message, metadata: metadata)
    }

    @Test("of repeated lines the first is written at once, and then one in each interval with their number")
    func repeating() {
        let deduplicator = deduplicator()
        for time in 0..<4_813 { deduplicator.log(line("a token was refused"), now: Int64(time)) }
        #expect(written.all == ["info a token was refused"])
        deduplicator.tick(now: 9_999)
        #expect(written.all.count == 1)
        deduplicator.tick(now: 10_000)
        #expect(written.all.last == "info a token was refused (repeated 4,812 times)")
        deduplicator.log(line("a token was refused"), now: 10_500)
        #expect(written.all.count == 2)
        deduplicator.tick(now: 20_000)
        #expect(written.all.last == "info a token was refused (repeated 1 time)")
        // After an interval without repetitions the next line counts as the first.
        deduplicator.tick(now: 30_000)
        deduplicator.log(line("a token was refused"), now: 31_000)
        #expect(written.all.count == 4)
        #expect(written.all.last == "info a token was refused")
    }

    @Test("lines that differ in numbers count as repeated; other levels, plugins and reasons do not")
    func templates() {
        let deduplicator = deduplicator()
        for number in 0..<10 { deduplicator.log(line("took \(number * 1_234) µs"), now: 0) }
        #expect(written.all.count == 1)
        deduplicator.log(line("took 1 µs", .warning), now: 0)
        deduplicator.log(line("took 1 µs", .info, ["plugin": "rooms"]), now: 0)
        deduplicator.log(line("took 1 µs", .info, ["plugin": "rooms", "reason": "x"]), now: 0)
        #expect(written.all.count == 4)
        for number in 0..<10 { deduplicator.log(line("took 1 µs", .info, ["address": "address-\(number)"]), now: 0) }
        #expect(written.all.count == 4)
    }

    @Test("all debug lines are written, and with the interval 0 all lines")
    func unfolded() {
        let deduplicator = deduplicator()
        for _ in 0..<3 { deduplicator.log(line("details", .debug), now: 0) }
        let plain = LogDeduplicator(interval: 0, metrics: metrics) { [written] in written.add($0) }
        for _ in 0..<3 { plain.log(line("all"), now: 0) }
        #expect(written.all.count == 6)
    }

    @Test("lines that are not written are counted in the metrics")
    func counted() async {
        let deduplicator = deduplicator()
        for _ in 0..<4 { deduplicator.log(line("x"), now: 0) }
        let page = String(decoding: await metrics.page(), as: UTF8.self)
        #expect(page.contains("\njackfield_log_lines_folded_total 3\n"))
    }

    @Test("the number of templates is bounded, and lines beyond it are counted")
    func bounded() {
        let deduplicator = deduplicator()
        func name(_ number: Int) -> String {
            String(number).map { String(UnicodeScalar(UInt8(ascii: "a") + UInt8($0.wholeNumberValue!))) }.joined()
        }
        for number in 0..<2_000 { deduplicator.log(line("kind \(name(number))"), now: 0) }
        #expect(written.all.count == LogDeduplicator.templateLimit)
        deduplicator.tick(now: 10_000)
        #expect(
            written.all.last
                == "warning \(2_000 - LogDeduplicator.templateLimit) lines of too many other kinds were left out")
        deduplicator.log(line("kind \(name(1_999))"), now: 10_001)
        #expect(written.all.last == "info kind \(name(1_999))")
    }

    @Test("repetitions that are counted when the process ends are written")
    func flushing() {
        let deduplicator = deduplicator()
        for _ in 0..<3 { deduplicator.log(line("x"), now: 0) }
        deduplicator.flush()
        #expect(written.all == ["info x", "info x (repeated 2 times)"])
    }

    @Test("a timer writes the repetitions when no other line follows")
    func timer() async throws {
        let deduplicator = deduplicator(interval: 50)
        for _ in 0..<3 { deduplicator.log(line("x"), now: Clock.monotonicMilliseconds) }
        for _ in 0..<500 where written.all.count < 2 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(written.all == ["info x", "info x (repeated 2 times)"])
    }

    @Test("messages and values are cut")
    func cut() {
        let long = LogLine(
            level: .info, message: String(repeating: "x", count: 1 << 20),
            metadata: ["key": "\(String(repeating: "y", count: 1 << 20))"])
        #expect(long.message.utf8.count < LogLine.messageLimit + 40)
        #expect(long.message.hasSuffix("… (cut; 1048576 bytes)"))
        #expect(long.pairs[0].value.utf8.count < LogLine.valueLimit + 40)
    }
}
