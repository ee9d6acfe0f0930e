import Logging
import PrometheusMetrics
import Support
import Synchronization
import Testing

@testable import Daemon

@Suite("Refusals")
struct RefusalLogTests {
    private let written = LogDeduplicatorTests.Written()
    private let metrics = PrometheusRegistry()

    private func refusalLog(level: Logger.Level = .info) -> RefusalLog {
        let deduplicator = LogDeduplicator(interval: 10_000, metrics: metrics) { [written] in written.add($0) }
        return RefusalLog(deduplicator: deduplicator, threshold: LogThreshold(level), metrics: metrics)
    }

    /// The samples of `jackfield_refusals_total`, without the name.
    private var counts: [String] {
        get async {
            String(decoding: await metrics.page(), as: UTF8.self).split(separator: "\n")
                .filter { $0.hasPrefix("jackfield_refusals_total{") }.map { String($0.dropFirst(24)) }
        }
    }

    @Test("each combination of place, reason and plugin is counted separately, and logged once")
    func counting() async {
        let refusalLog = refusalLog()
        for _ in 0..<3 { refusalLog.record(RefusalRecord(.connect, reason: "token_expired", address: "10.0.0.1")) }
        refusalLog.record(RefusalRecord(.http, reason: "token_expired"))
        refusalLog.record(RefusalRecord(.handler, reason: "not_found", plugin: "rooms"))
        refusalLog.record(RefusalRecord(.handler, reason: "not_found", plugin: "notifications"))
        #expect(
            await counts == [
                #"{at="connect",reason="token_expired"} 3"#,
                #"{at="handler",plugin="notifications",reason="not_found"} 1"#,
                #"{at="handler",plugin="rooms",reason="not_found"} 1"#,
                #"{at="http",reason="token_expired"} 1"#,
            ])
        #expect(written.all.count == 4)
    }

    @Test("reasons beyond the limit are counted as one, so that a plugin cannot create endless series")
    func bounded() async {
        let refusalLog = refusalLog()
        for number in 0..<2_000 {
            refusalLog.record(RefusalRecord(.handler, reason: "reason-\(number)", plugin: "odd"))
        }
        let counts = await counts
        #expect(counts.count == RefusalLog.reasonLimit + 1)
        #expect(counts.contains(#"{at="handler",reason="other"} \#(2_000 - RefusalLog.reasonLimit)"#))
    }

    @Test("a long reason is cut")
    func cut() async {
        refusalLog().record(RefusalRecord(.handler, reason: String(repeating: "x", count: 1_000), plugin: "odd"))
        let counts = await counts
        #expect(counts.count == 1)
        #expect(counts[0].utf8.count < 150)
    }

    @Test("with a log level above info nothing is logged, but everything is counted")
    func levels() async {
        let refusalLog = refusalLog(level: .warning)
        refusalLog.record(RefusalRecord(.connect, reason: "token_missing"))
        #expect(written.all == [])
        #expect(await counts == [#"{at="connect",reason="token_missing"} 1"#])
    }
}
