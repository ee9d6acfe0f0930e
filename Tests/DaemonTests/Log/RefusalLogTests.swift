import Logging
import Support
import Synchronization
import Testing

@testable import Daemon

@Suite("Refusals")
struct RefusalLogTests {
    private let written = LogDeduplicatorTests.Written()

    private func refusalLog(level: Logger.Level = .info) -> RefusalLog {
        RefusalLog(deduplicator: LogDeduplicator(interval: 10_000) { [written] in written.add($0) }, level: level)
    }

    @Test("each place, reason and plugin is counted for itself, and logged once")
    func counting() {
        let refusalLog = refusalLog()
        for _ in 0..<3 { refusalLog.record(RefusalRecord(.connect, reason: "token_expired", address: "10.0.0.1")) }
        refusalLog.record(RefusalRecord(.http, reason: "token_expired"))
        refusalLog.record(RefusalRecord(.handler, reason: "not_found", plugin: "rooms"))
        refusalLog.record(RefusalRecord(.handler, reason: "not_found", plugin: "notifications"))
        let counts = Dictionary(
            uniqueKeysWithValues: refusalLog.all.map {
                ($0.labels.map { "\($0.0)=\($0.1)" }.joined(separator: ","), $0.count)
            })
        #expect(
            counts == [
                "at=connect,reason=token_expired": 3, "at=http,reason=token_expired": 1,
                "at=handler,reason=not_found,plugin=rooms": 1,
                "at=handler,reason=not_found,plugin=notifications": 1,
            ])
        #expect(written.all.count == 4)
    }

    @Test("reasons without end become one, so that no plugin makes endless series")
    func bounded() {
        let refusalLog = refusalLog()
        for number in 0..<2_000 {
            refusalLog.record(RefusalRecord(.handler, reason: "reason-\(number)", plugin: "odd"))
        }
        #expect(refusalLog.all.count == RefusalLog.reasonLimit + 1)
        #expect(
            refusalLog.all.first { $0.labels.contains { $0 == ("reason", "other") } }?.count
                == UInt64(2_000 - RefusalLog.reasonLimit))
        let long = self.refusalLog()
        long.record(RefusalRecord(.handler, reason: String(repeating: "x", count: 1_000), plugin: "odd"))
        #expect(long.all[0].labels[1].1.utf8.count < 100)
    }

    @Test("nothing is logged above the level info, and everything is counted")
    func levels() {
        let refusalLog = refusalLog(level: .warning)
        refusalLog.record(RefusalRecord(.connect, reason: "token_missing"))
        #expect(written.all == [])
        #expect(refusalLog.all.count == 1)
    }
}
