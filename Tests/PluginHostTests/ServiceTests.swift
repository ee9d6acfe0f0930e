import Foundation
import Support
import Testing

@testable import PluginHost

/// Services between plugins. The checks run in C, in Tests/Fixtures/host/services.c; a failed one acks its line.
@Suite("Services")
struct ServiceTests {
    private let consumer = { try Fixture.library("services", named: "consumer") }
    private let provider = { try Fixture.library("services", named: "calc", "PROVIDES", "SLOW_START=0") }

    private func check(_ name: String, _ client: TestClient, within milliseconds: Int = 20_000) -> String? {
        client.say("20[\"check\",\"\(name)\"]")
        return client.hear(within: milliseconds)
    }

    /// A host with both plugins, loaded in either order.
    private func pair(providerFirst: Bool = true) async throws -> TestHost {
        let test = try TestHost()
        let paths = try providerFirst ? [provider(), consumer()] : [consumer(), provider()]
        for path in paths { try await test.host.load(PluginSpec(path: path)) }
        return test
    }

    @Test(
        "calls, checks and function pointers work for every type at its limits",
        arguments: [
            "numbers", "texts", "nested", "wrong calls", "codes", "pointers", "refused pointer", "bindings", "changes",
        ], [true, false])
    func checks(_ name: String, providerFirst: Bool) async throws {
        let test = try await pair(providerFirst: providerFirst)
        #expect(check(name, test.client()) == #"30["ok"]"#)
        await test.stop()
    }

    @Test("a call completes later on the strand of the caller")
    func async() async throws {
        let test = try await pair()
        #expect(check("async", test.client()) == #"30["ok"]"#)
        for line in ["inline 0 3", "strand 0 3", "parallel 0 3", "sleep -9"] {
            #expect(await test.log.waitForLine(with: "answered \(line)") != nil, "\(line)")
        }
        await test.stop()
    }

    @Test(
        "no more than 65,536 answers wait for a strand",
        .enabled(if: TestIsolation.isInProcess, "answers that a worker has got do not count"))
    func flood() async throws {
        let test = try await pair()
        let client = test.client()
        #expect(check("flood", client) == #"30["ok"]"#)
        // Until the answers are delivered, they use up the queue, and events are refused.
        var answer = check("flood is over", client)
        for _ in 0..<500 where answer?.contains("overloaded") == true {
            try await Task.sleep(for: .milliseconds(20))
            answer = check("flood is over", client)
        }
        #expect(answer == #"30["ok"]"#)
        #expect(check("available", client) == #"30["ok"]"#)
        await test.stop()
    }

    @Test("a provider is not destroyed while an inline method runs whose binding was ended")
    func unbindInCall() async throws {
        let test = try await pair()
        #expect(check("unbind in call", test.client()) == #"30["ok"]"#)
        try await test.host.unload("calc")
        let lines = test.log.lines
        #expect(test.log.line(with: "slow goes on after destroy") == nil)
        let ended = try #require(lines.firstIndex { $0.contains("slow ends") })
        let destroyed = try #require(lines.firstIndex { $0.contains("calc is destroyed") })
        #expect(ended < destroyed)
        await test.stop()
    }

    @Test(
        "C functions that call each other without end return, and the log says why",
        .enabled(if: TestIsolation.isInProcess, "in a worker, nothing runs inline"), arguments: [1, 2])
    func endlessFunctions(length: Int) async throws {
        let test = try TestHost()
        let names = ["one", "two"].prefix(length)
        for (index, name) in names.enumerated() {
            try await test.host.load(
                PluginSpec(
                    path: try Fixture.library(
                        "ring", named: "c-ring-\(name)-\(length)", "NAME=\"\(name)\"",
                        "NEXT=\"\(names[(index + 1) % length])\"", "RUN=JF_RUN_INLINE", "C_FUNCTION")))
        }
        #expect(test.client().ask(#"20["one",5]"#) == "30[0,7]")
        #expect(test.client().ask(#"20["one",100000]"#) == "30[0,0]")
        #expect(test.log.line(with: "methods that run inline call each other without end") != nil)
        await test.stop()
    }

    @Test("a provider of another major version is no provider, and the log says so")
    func otherMajor() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try consumer()))
        let second = try Fixture.library("services", named: "calc-2", "PROVIDES", "MAJOR=2")
        try await test.host.load(PluginSpec(path: second))
        #expect(
            test.log.line(
                with:
                    "service 'calc': plugin 'consumer' needs version 1, plugin 'calc' provides 2.0; the binding waits for another provider"
            ) != nil)
        #expect(check("unavailable", test.client()) == #"30["ok"]"#)
        await test.stop()
    }

    @Test(
        "an event loop may call what runs inline, and may not wait",
        .enabled(if: TestIsolation.isInProcess, "in a worker, nothing runs inline"))
    func onLoop() async throws {
        let test = try await pair()
        #expect(test.client().ask(#"20["on loop"]"#) == #"30["ok"]"#)
        await test.stop()
    }

    @Test("a binding heals when the provider comes back, and its plugin is told of both edges")
    func heals() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try consumer()))
        let client = test.client()
        #expect(check("unavailable", client) == #"30["ok"]"#)
        for _ in 0..<3 {
            try await test.host.load(PluginSpec(path: try provider()))
            #expect(check("available", client) == #"30["ok"]"#)
            #expect(check("pointers", client) == #"30["ok"]"#)
            try await test.host.unload("calc")
            #expect(check("unavailable", client) == #"30["ok"]"#)
        }
        let edges = test.log.lines.filter { $0.contains("changed ") }.map { $0.dropFirst("info: ".count) }
        #expect(
            edges.map { $0.prefix(10) } == Array(repeating: ["changed 0 ", "changed -1"], count: 3).flatMap(\.self))
        await test.stop()
    }

    @Test("a provider is not available before its start has returned")
    func lateStart() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try consumer()))
        let client = test.client()
        let path = try Fixture.library("services", named: "calc-late", "PROVIDES", "SLOW_START=300")
        async let loaded = test.host.load(PluginSpec(path: path))
        #expect(check("unavailable", client) == #"30["ok"]"#)
        _ = try await loaded
        #expect(check("available", client) == #"30["ok"]"#)
        await test.stop()
    }

    @Test("a call that waits gets JF_E_UNAVAILABLE when the provider stops")
    func stopsDuringCall() async throws {
        let test = try await pair()
        #expect(check("keep async", test.client()) == #"30["ok"]"#)
        try await test.host.unload("calc")
        #expect(await test.log.waitForLine(with: "answered kept -11 0 plugin 'calc' has stopped") != nil)
        await test.stop()
    }

    @Test("a call that waits gets JF_E_GONE when its own plugin stops")
    func callerStops() async throws {
        let test = try await pair()
        #expect(check("keep async", test.client()) == #"30["ok"]"#)
        try await test.host.unload("consumer")
        #expect(test.log.line(with: "answered kept -3") != nil)
        await test.stop()
    }

    @Test(
        "a provider that differs fails bind with both signatures, or leaves the binding waiting with a line in the log")
    func mismatch() async throws {
        let wrong = try Fixture.library("services", named: "calc-wrong", "PROVIDES", "WRONG")
        let text =
            "service 'calc', method 'add': plugin 'consumer' expects 'add(x: f64, y: f64) -> f64', plugin 'calc' provides 'add(a: f64, b: i64) -> f64': parameter 2"
        let first = try TestHost()
        try await first.host.load(PluginSpec(path: wrong))
        do {
            try await first.host.load(PluginSpec(path: try consumer()))
            Issue.record("it loaded")
        } catch {
            #expect("\(error)".contains(text), "\(error)")
        }
        await first.stop()
        let second = try TestHost()
        try await second.host.load(PluginSpec(path: try consumer()))
        try await second.host.load(PluginSpec(path: wrong))
        #expect(await second.log.waitForLine(with: "; the binding waits for another provider") != nil)
        #expect(second.log.line(with: text) != nil)
        #expect(await second.log.waitForLine(with: "changed -13 service 'calc'") != nil)
        try await second.host.unload("calc")
        #expect(await second.log.waitForLine(with: "changed -11 ") != nil)
        try await second.host.load(PluginSpec(path: try provider()))
        #expect(check("available", second.client()) == #"30["ok"]"#)
        await second.stop()
    }

    @Test("a second provider of the same major version is not loaded")
    func twoProviders() async throws {
        let test = try await pair()
        do {
            try await test.host.load(
                PluginSpec(path: try Fixture.library("services", named: "other", "PROVIDES"), name: "other"))
            Issue.record("it loaded")
        } catch {
            #expect("\(error)".contains("service 'calc' 1 is provided by plugin 'calc'"), "\(error)")
        }
        await test.stop()
    }

    @Test(
        "a cycle of calls that wait gets JF_E_DEADLOCK and does not hang",
        arguments: [1, 2, 3], ["JF_RUN_STRAND", "JF_RUN_INLINE"])
    func deadlock(length: Int, run: String) async throws {
        let test = try TestHost()
        let names = ["one", "two", "three"].prefix(length)
        for (index, name) in names.enumerated() {
            let next = names[(index + 1) % length]
            try await test.host.load(
                PluginSpec(
                    path: try Fixture.library(
                        "ring", named: "ring-\(name)-\(length)-\(run)", "NAME=\"\(name)\"", "NEXT=\"\(next)\"",
                        "RUN=\(run)")))
        }
        let client = test.client()
        // Without a cycle the calls succeed: the last one is made by the plugin before the first.
        if length > 1 { #expect(client.ask("20[\"one\",\(length - 2)]") == "30[0,7]") }
        #expect(client.ask(#"20["one",1000]"#) == "30[-12,0]")
        // The plugins serve on.
        if length > 1 { #expect(client.ask("20[\"one\",0]") == "30[0,7]") }
        await test.stop()
    }

    /// Seconds; `make sanitize` sets more.
    private static let seconds = ProcessInfo.processInfo.environment["SERVICE_SECONDS"].flatMap(Double.init) ?? 1

    @Test("eight threads call while the provider comes and goes, and each gets a result or JF_E_UNAVAILABLE")
    func hammer() async throws {
        let test = try await pair()
        let client = test.client()
        #expect(check("pointers", client) == #"30["ok"]"#)
        #expect(check("start threads", client) == #"30["ok"]"#)
        let end = Clock.monotonicNanoseconds + Int64(Self.seconds * 1e9)
        var cycles = 0
        while Clock.monotonicNanoseconds < end || cycles < 3 {
            try await test.host.unload("calc")
            try await test.host.load(PluginSpec(path: try provider()))
            cycles += 1
        }
        #expect(check("end threads", client) == #"30["ok"]"#)
        await test.stop()
    }

    @Test("a binding heals a thousand times")
    func thousandHeals() async throws {
        let test = try await pair()
        let client = test.client()
        let calc = try #require(test.host.registry.withLock { $0.plugins.first { $0.name == "calc" } })
        for _ in 0..<1_000 {
            #expect(test.host.services.withdraw(calc, until: .max))
            test.host.services.provide(calc)
        }
        #expect(check("available", client) == #"30["ok"]"#)
        #expect(client.ask(#"20["edges"]"#) == "30[1001,1000]")
        await test.stop()
    }
}
