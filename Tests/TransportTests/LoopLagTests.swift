import SocketIO
import Testing

@testable import Transport

@Suite("Loop lag")
struct LoopLagTests {
    private let interval = LoopLag.interval

    @Test("a punctual run is in the first bucket, and the next is due one interval later")
    func inTime() {
        var lag = LoopLag()
        #expect(lag.recordRun(due: 1_000, now: 501_000) == 1_000 + interval)
        #expect(lag.counts[0] == 1)
        #expect(lag.sum == 500_000)
    }

    @Test("a loop that was blocked for a second counts ten runs, each with its own lateness")
    func heldUp() {
        var lag = LoopLag()
        let second: Int64 = 1_000_000_000
        #expect(lag.recordRun(due: 0, now: second - 1) == second)
        #expect(lag.counts.reduce(0, +) == 10)
        #expect(lag.sum == (1...10).map { $0 * interval - 1 }.reduce(0, +))
        // 1.0, 0.9, 0.8, 0.7, 0.6 s; 0.5, 0.4, 0.3 s; 0.2 s; 0.1 s.
        #expect(lag.counts[LoopLag.bounds.firstIndex(of: second)!] == 5)
    }

    @Test("lateness beyond all bounds is in the last bucket")
    func beyond() {
        var lag = LoopLag()
        _ = lag.recordRun(due: 0, now: 6_000_000_000)
        #expect(lag.counts[LoopLag.bounds.count] == 10)
    }

    @Test("a running loop does its housekeeping")
    func running() async throws {
        let loops = Loops(count: 1)
        try await loops.start { loop in Shard(index: loop.index, timers: loop.timers, application: Nobody()) }
        try await Task.sleep(for: .milliseconds(350))
        let lag = try await loops.lags()[0]
        #expect(lag.counts.reduce(0, +) >= 2)
        try await loops.shutdown()
    }
}
