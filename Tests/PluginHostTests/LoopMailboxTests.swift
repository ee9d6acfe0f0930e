import CJackfield
import Glibc
import Support
import Testing

@testable import PluginHost
@testable import SocketIO

@Suite("Mailboxes of a loop")
struct LoopMailboxTests {
    /// Waits until the loop has run what the plugin has enqueued so far.
    private func finish(_ test: TestHost, _ plugin: LoadedPlugin, loop: Int = 0) {
        let outcome = BlockingFuture<Bool>()
        plugin.runOrEnqueue(on: test.host.contexts[loop]) { outcome.fulfil(true) }
        #expect(outcome.wait(until: Clock.monotonicNanoseconds + 60_000_000_000) == true)
    }

    private func everybody(_ plugin: LoadedPlugin, _ each: @escaping @Sendable (NamespaceSocket) -> Void) -> Int32 {
        plugin.everywhere(bytes: 0) { loop in
            LoopWork(
                loop.sockets(LoadedPlugin.ParsedTarget(target: BroadcastTarget(), everyNamespace: false)), each: each)
        }
    }

    @Test("a second of work over many sockets lets the loop run other jobs in between")
    func pieces() async throws {
        let test = try await TestHost.withProbe()
        let clients = (0..<100).map { _ in test.client() }
        let plugin = test.host.registry.withLock { $0.plugins[0] }
        // 50 times 100 sockets of 200 µs each: one second.
        for _ in 0..<50 { #expect(everybody(plugin) { _ in usleep(200) } == JF_OK) }
        var slowest: Int64 = 0
        var turns = 0
        let began = Clock.monotonicNanoseconds
        while Clock.monotonicNanoseconds - began < 500_000_000 {
            let asked = Clock.monotonicNanoseconds
            test.loops[0].sync { _ in }
            slowest = max(slowest, Clock.monotonicNanoseconds - asked)
            turns += 1
        }
        #expect(slowest < 300_000_000, "the loop was held up for \(slowest / 1_000_000) ms")
        #expect(turns > 5)
        finish(test, plugin)
        #expect(clients.count == 100)
        await test.stop()
    }

    @Test("a thread's next task waits for the end of its work over many sockets")
    func order() async throws {
        let test = try await TestHost.withProbe()
        let clients = (0..<200).map { _ in test.client() }
        let plugin = test.host.registry.withLock { $0.plugins[0] }
        #expect(
            everybody(plugin) { socket in
                usleep(100)
                _ = try? socket.join("all")
            } == JF_OK)
        var target = BroadcastTarget()
        target.rooms = ["all"]
        let counted = BlockingFuture<Int>()
        let everyone = target
        plugin.runOrEnqueue(on: test.host.contexts[0]) { counted.fulfil(test.host.contexts[0].shard.count(everyone)) }
        #expect(counted.wait(until: Clock.monotonicNanoseconds + 10_000_000_000) == clients.count)
        await test.stop()
    }

    @Test("one plugin's work over many sockets does not delay another plugin's until its end")
    func others() async throws {
        let test = try await TestHost.withProbe()
        try await test.host.load(PluginSpec(path: try Fixture.library("small", named: "other", "NAME=\"other\"")))
        let clients = (0..<100).map { _ in test.client() }
        let plugins = test.host.registry.withLock { $0.plugins }
        for _ in 0..<50 { #expect(everybody(plugins[0]) { _ in usleep(200) } == JF_OK) }
        let began = Clock.monotonicNanoseconds
        finish(test, plugins[1])
        #expect(Clock.monotonicNanoseconds - began < 500_000_000)
        #expect(clients.count == 100)
        finish(test, plugins[0])
        await test.stop()
    }

    @Test("a socket that disconnects before its turn is skipped")
    func goners() async throws {
        let test = try await TestHost.withProbe()
        let clients = (0..<100).map { _ in test.client() }
        let plugin = test.host.registry.withLock { $0.plugins[0] }
        let isFirst = BlockingFuture<Bool>()
        let count = BlockingFuture<Int>()
        #expect(
            plugin.everywhere(bytes: 0) { loop in
                var seen = 0
                return LoopWork(
                    loop.sockets(LoadedPlugin.ParsedTarget(target: BroadcastTarget(), everyNamespace: false))
                ) { _ in
                    seen += 1
                    usleep(1_000)
                    isFirst.fulfil(true)
                } finish: {
                    count.fulfil(seen)
                }
            } == JF_OK)
        #expect(isFirst.wait(until: Clock.monotonicNanoseconds + 10_000_000_000) == true)
        clients[99].vanish()
        #expect(count.wait(until: Clock.monotonicNanoseconds + 10_000_000_000) == 99)
        await test.stop()
    }

    @Test("a full mailbox refuses work that was not promised")
    func limit() {
        let mailbox = LoopMailbox(byteLimit: 1_000)
        let task = LoopTask { _ in nil }
        #expect(mailbox.append(task, bytes: 500) == true)
        #expect(mailbox.append(task, bytes: 500) == nil)
        #expect(!mailbox.hasCapacity(500))
        #expect(mailbox.refused == 1)
        #expect(mailbox.append(task, bytes: 500, promised: true) == false)
    }
}
