import Logging
import Support
import Synchronization
import Testing

@testable import Daemon

@Suite("Refusals")
struct RefusalsTests {
    private let written = LogFolderTests.Written()

    private func refusals(level: Logger.Level = .info) -> Refusals {
        Refusals(folder: LogFolder(interval: 10_000) { [written] in written.add($0) }, level: level)
    }

    @Test("each place, reason and plugin is counted for itself, and logged once")
    func counting() {
        let refusals = refusals()
        for _ in 0..<3 { refusals.record(RefusalRecord(.connect, reason: "token_expired", address: "10.0.0.1")) }
        refusals.record(RefusalRecord(.http, reason: "token_expired"))
        refusals.record(RefusalRecord(.handler, reason: "not_found", plugin: "rooms"))
        refusals.record(RefusalRecord(.handler, reason: "not_found", plugin: "notifications"))
        let counts = Dictionary(uniqueKeysWithValues: refusals.all.map { ($0.labels.map { "\($0.0)=\($0.1)" }.joined(separator: ","), $0.count) })
        #expect(counts == [
            "at=connect,reason=token_expired": 3, "at=http,reason=token_expired": 1, "at=handler,reason=not_found,plugin=rooms": 1,
            "at=handler,reason=not_found,plugin=notifications": 1,
        ])
        #expect(written.all.count == 4)
    }

    @Test("reasons without end become one, so that no plugin makes endless series")
    func bounded() {
        let refusals = refusals()
        for number in 0..<2_000 { refusals.record(RefusalRecord(.handler, reason: "reason-\(number)", plugin: "odd")) }
        #expect(refusals.all.count == Refusals.reasonLimit + 1)
        #expect(refusals.all.first { $0.labels.contains { $0 == ("reason", "other") } }?.count == UInt64(2_000 - Refusals.reasonLimit))
        let long = self.refusals()
        long.record(RefusalRecord(.handler, reason: String(repeating: "x", count: 1_000), plugin: "odd"))
        #expect(long.all[0].labels[1].1.utf8.count < 100)
    }

    @Test("nothing is logged above the level info, and everything is counted")
    func levels() {
        let refusals = refusals(level: .warning)
        refusals.record(RefusalRecord(.connect, reason: "token_missing"))
        #expect(written.all == [])
        #expect(refusals.all.count == 1)
    }
}
