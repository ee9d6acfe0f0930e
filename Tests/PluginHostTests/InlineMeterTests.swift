import Testing

@testable import PluginHost

@Suite("Inline callbacks are measured")
struct InlineMeterTests {
    @Test(
        "the counters of each loop have a cache line of their own",
        .enabled(if: TestIsolation.isInProcess, "in a worker, nothing runs inline"))
    func alignment() async throws {
        let test = try await TestHost.withProbe(loops: 3)
        let plugin = try #require(test.host.registry.withLock { $0.plugins.first })
        let meter = try #require(plugin.routes.compactMap(\.meter).first)
        let addresses = (0..<3).map { UInt(bitPattern: meter.line($0)) }
        #expect(addresses.allSatisfy { $0 % 64 == 0 })
        #expect(Set(addresses).count == 3)
        #expect(MemoryLayout<InlineCounters>.stride == InlineCounters.lineSize)
        await test.stop()
    }

    @Test(
        "every call is timed until a thousand in a row were quick, then one in sixteen, and every call again after a slow one"
    )
    func proof() {
        var counters = InlineCounters()
        func timedCalls(of calls: Int, taking nanoseconds: Int64) -> Int {
            (0..<calls).count { _ in
                guard counters.begin() else { return false }
                _ = counters.timed(nanoseconds, budget: 50_000)
                return true
            }
        }
        #expect(timedCalls(of: 1_000, taking: 1_000) == 1_000)
        #expect(timedCalls(of: 1_600, taking: 1_000) == 100)
        #expect(timedCalls(of: 16, taking: 60_000) >= 1)
        #expect(timedCalls(of: 500, taking: 1_000) == 500)
        // Each sampled call is counted for all calls since the one before.
        #expect(counters.time.load(ordering: .relaxed) >= 3_000_000)
    }

    @Test(
        "one call slightly over the budget is counted but not logged; the fourth is logged, and then whenever the number has doubled"
    )
    func folding() {
        var counters = InlineCounters()
        func lines(_ calls: Int, taking nanoseconds: Int64) -> [UInt64] {
            (0..<calls).compactMap { _ in counters.begin() ? counters.timed(nanoseconds, budget: 50_000) : nil }
        }
        #expect(lines(3, taking: 60_000) == [])
        #expect(lines(13, taking: 60_000) == [4, 8, 16])
        counters = InlineCounters()
        #expect(lines(15, taking: 100_000_000) == [1, 2, 4, 8])
    }

    @Test(
        "fifteen calls that block are logged, even if another handler of the plugin is quick",
        .enabled(if: TestIsolation.isInProcess, "in a worker, nothing runs inline"))
    func slow() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        for _ in 0..<2_000 { client.say(#"2["echo-inline"]"#) }
        for id in 0..<15 { #expect(client.ask("2\(id)[\"sleep-inline\",20]") == "3\(id)[\"slept\"]") }
        let line = try #require(test.log.line(with: "the inline handler of 'sleep-inline' of '/' took"))
        #expect(line.contains("must not block"))
        #expect(test.log.lines.count { $0.contains("the inline handler of 'sleep-inline'") } == 4)
        #expect(test.host.status[0].slowInlineCalls >= 15)
        await test.stop()
    }

    @Test(
        "an inline hook that blocks is logged as well",
        .enabled(if: TestIsolation.isInProcess, "in a worker, nothing runs inline"))
    func hooks() async throws {
        let test = try await TestHost.withProbe()
        let answer = TestClient(test.loops[0], joining: "/hooks-inline", auth: #"{"do":"sleep"}"#).hear()
        #expect(answer?.hasPrefix(#"0/hooks-inline,{"sid":"#) == true)
        #expect(test.log.line(with: "the inline admit of '/hooks-inline' took") != nil)
        await test.stop()
    }
}
