import Support
import Testing

@testable import PluginHost

/// The limit of the bytes in results of a plugin's calls, `limits.pluginResultBytes`.
@Suite("Results")
struct ResultTests {
    private func waitUntilEmpty(_ budget: ResultBudget) -> Bool {
        let deadline = Clock.monotonicNanoseconds + 5_000_000_000
        while budget.bytes != 0, Clock.monotonicNanoseconds < deadline {}
        return budget.bytes == 0
    }

    @Test("answers beyond the byte limit of a call are left out and counted, and the status is JF_E_LIMIT")
    func answers() async throws {
        var options = HostOptions()
        options.resultBytes = 4_000
        let test = try await TestHost.withProbe(options)
        let (asker, other) = (test.client(), test.client())
        let plugin = test.host.registry.withLock { $0.plugins[0] }
        asker.say(#"2["ask-all"]"#)
        #expect(asker.hear() == #"20["question"]"#)
        #expect(other.hear() == #"20["question"]"#)
        asker.say(#"30["short"]"#)
        other.say("30[\"\(String(repeating: "x", count: 3_000))\"]")
        #expect(asker.hear() == #"2["answers",-5,2,1]"#)
        #expect(plugin.status.droppedResults == 1)
        #expect(waitUntilEmpty(plugin.results))
        await test.stop()
    }

    @Test("a fetch beyond the byte limit of a call has some of the sockets, and the status is JF_E_LIMIT")
    func fetch() async throws {
        var options = HostOptions()
        options.resultBytes = 4_000
        let test = try await TestHost.withProbe(options)
        let clients = (0..<20).map { _ in test.client() }
        let plugin = test.host.registry.withLock { $0.plugins[0] }
        let answer = try #require(clients[0].ask(#"2["fetch"]"#))
        #expect(answer.hasPrefix(#"2["fetched",-5,"#))
        #expect(plugin.status.droppedResults > 0)
        #expect(waitUntilEmpty(plugin.results))
        await test.stop()
    }

    @Test("answers that wait for the plugin take no room in its queue, where events wait")
    func answersBesideEvents() async throws {
        var options = HostOptions()
        options.queueBytes = 10_000
        let test = try await TestHost.withProbe(options)
        let (asker, other) = (test.client(), test.client())
        let plugin = test.host.registry.withLock { $0.plugins[0] }
        asker.say(#"2["ask-all"]"#)
        #expect(asker.hear() == #"20["question"]"#)
        #expect(other.hear() == #"20["question"]"#)
        // The strand is busy when the answers come, so they wait for it.
        other.say(#"2["sleep",300]"#)
        for client in [asker, other] { client.say("30[\"\(String(repeating: "x", count: 9_000))\"]") }
        #expect(plugin.results.bytes > 18_000)
        #expect(plugin.budget.bytes < 1_000)
        #expect(asker.hear() == #"2["answers",0,2,2]"#)
        #expect(waitUntilEmpty(plugin.results))
        await test.stop()
    }

    @Test("one call uses at most half of the budget, and all calls together at most the whole")
    func budget() {
        let budget = ResultBudget(limit: 100)
        #expect(budget.reserve(50, besides: 0))
        #expect(!budget.reserve(1, besides: 50))
        #expect(budget.reserve(50, besides: 0))
        #expect(!budget.reserve(1, besides: 0))
        #expect(budget.bytes == 100)
        #expect(budget.leftOut == 2)
        budget.release(50)
        #expect(budget.reserve(10, besides: 0))
    }
}
