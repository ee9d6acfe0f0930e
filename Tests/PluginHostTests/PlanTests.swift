import Support
import Testing

@testable import PluginHost

@Suite("Planned plugins")
struct PlanTests {
    private func blocking(_ name: String, in callback: String) throws -> PluginSpec {
        PluginSpec(path: try Fixture.library("small", named: name, "NAME=\"\(name)\"", "EVENT=\"\(name)\"", callback))
    }

    private func plain(_ name: String) throws -> PluginSpec {
        PluginSpec(path: try Fixture.library("small", named: name, "NAME=\"\(name)\"", "EVENT=\"\(name)\""))
    }

    @Test("availability gives each plugin's name and why it cannot work, or no reason if it can")
    func availability() async throws {
        let test = try TestHost()
        test.host.plan([try plain("good"), PluginSpec(path: "/nowhere/gone.so")])
        #expect(test.host.isLoading)
        #expect(test.host.availability.map(\.reason)[1] == "plugin 'gone' is loading")
        #expect(try await test.host.loadPlanned())
        #expect(!test.host.isLoading)
        #expect(test.host.availability.map(\.name) == ["good", "gone"])
        #expect(test.host.availability[0].reason == nil)
        #expect(test.host.notReady.count == 1 && test.host.notReady[0].contains("there is no such file"))
        try await test.host.unload("good")
        #expect(test.host.availability[0].reason == "plugin 'good' was unloaded")
        try await test.host.load(try plain("good"))
        #expect(test.host.availability[0].reason == nil)
        await test.stop()
        #expect(test.host.notReady == ["the host is stopping"])
    }

    @Test("a planned plugin that was unloaded or has failed is loaded again at its place")
    func again() async throws {
        let test = try TestHost()
        test.host.plan([try plain("first"), try plain("second"), PluginSpec(path: "/nowhere/gone.so")])
        #expect(try await test.host.loadPlanned())
        try await test.host.unload("first")
        #expect(test.host.status.map(\.name) == ["second"])
        let status = try await test.host.load(planned: 0)
        #expect(status.name == "first" && status.generation == 3 && status.state == .running)
        #expect(test.host.status.map(\.name) == ["first", "second"])
        #expect(test.host.availability.compactMap(\.reason).count == 1)
        await #expect(throws: PluginError.self) { try await test.host.load(planned: 2) }
        #expect(test.host.availability[2].reason?.contains("there is no such file") == true)
        await test.stop()
    }

    @Test("loading a planned plugin that runs fails, and it stays available")
    func twice() async throws {
        let test = try TestHost()
        test.host.plan([try plain("good")])
        #expect(try await test.host.loadPlanned())
        let error = await #expect(throws: PluginError.self) { try await test.host.load(planned: 0) }
        #expect(error?.kind == .conflict)
        #expect(test.host.availability.map(\.reason) == [nil])
        await test.stop()
    }

    @Test("a plugin whose start runs is not unloaded")
    func unloadWhileStarting() async throws {
        let test = try TestHost()
        let path = try Fixture.library("services", named: "calc-late", "PROVIDES", "SLOW_START=300")
        async let loaded = test.host.load(PluginSpec(path: path, name: "late"))
        while test.host.status.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        let error = await #expect(throws: PluginError.self) { try await test.host.unload("late") }
        #expect(error?.problem == "is still loading; try again when it has loaded")
        #expect(try await loaded.name == "late")
        try await test.host.unload("late")
        await test.stop()
    }

    @Test(
        "the next plugin is loaded beside one that blocks, which is logged after one second and after two, and does not delay the stop beyond its deadline"
    )
    func overtaken() async throws {
        let test = try TestHost()
        test.host.plan([try blocking("slow", in: "CREATE_HANGS"), try plain("quick")])
        let loading = Task { try await test.host.loadPlanned() }
        let client = test.client()
        var answer: String?
        for id in 0..<200 where answer?.contains("quick") != true {
            try await Task.sleep(for: .milliseconds(50))
            answer = client.ask("2\(id)[\"quick\"]")
        }
        #expect(answer?.contains(#"["quick"]"#) == true)
        #expect(
            test.host.notReady.count == 1 && test.host.notReady[0].contains("slow")
                && test.host.notReady[0].hasSuffix("is loading"))
        for _ in 0..<200 where test.log.lines.count(where: { $0.contains("create has been running for") }) < 2 {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(test.log.lines.count { $0.contains("create has been running for") } >= 2)
        let start = Clock.monotonicNanoseconds
        await test.host.shutdown(deadline: 500)
        #expect(Clock.monotonicNanoseconds - start < 2_000_000_000)
        #expect(test.host.givenUp == ["slow"])
        // A worker is killed, so its `create` does not run any more.
        #expect(
            !TestIsolation.isInProcess
                || test.host.callbacks(runningFor: 1_000).contains {
                    $0.hasPrefix("plugin 'slow': create has been running for ")
                })
        #expect(try await loading.value == false)
        for loop in test.loops { loop.stop() }
    }

    @Test("a probe finds what a load would find, and puts nothing in force")
    func probe() async throws {
        let test = try TestHost()
        test.host.plan([try plain("one"), try plain("two")])
        #expect(try await test.host.loadPlanned())
        let same = try Fixture.library("small", named: "same", "NAME=\"same\"", "EVENT=\"one\"")
        let gone = PluginSpec(path: "/nowhere/gone.so")
        let problems = await test.host.probe([.init(PluginSpec(path: same)), .init(gone)], removing: [])
        #expect(throws: PluginError.self) { try problems[0].get() }
        #expect(throws: PluginError.self) { try problems[1].get() }
        if case .failure(let error) = problems[0] {
            #expect(error.problem == "event 1: 'one' of '/' belongs to plugin 'one'")
        }
        // The event is free when its owner goes, and is claimed by the first of two.
        let results = await test.host.probe(
            [.init(PluginSpec(path: same)), .init(try plain("two"), replacing: "two"), .init(PluginSpec(path: same))],
            removing: ["one"])
        #expect(try results[0].get().name == "same" && results[1].get().name == "two")
        #expect(try !results[0].get().isNewVersion && results[1].get().isNewVersion)
        #expect(throws: PluginError.self) { try results[2].get() }
        #expect(test.host.status.map(\.name) == ["one", "two"] && test.host.givenUp.isEmpty)
        #expect(test.client().ask(#"20["one"]"#) == #"30["one"]"#)
        await test.stop()
    }

    @Test("another plan orders the running plugins, and keeps what it knows of their entries")
    func replanned() async throws {
        let test = try TestHost()
        let specs = [try plain("one"), try plain("two"), PluginSpec(path: "/nowhere/gone.so")]
        test.host.plan(specs)
        #expect(try await test.host.loadPlanned())
        let places = test.host.plannedPlugins.map(\.place)
        let place = test.host.newPlace()
        #expect(!places.contains(place))
        let three = try plain("three")
        try await test.host.load(three, at: place)
        #expect(test.host.status.map(\.name) == ["one", "two", "three"])
        test.host.replan([(three, place), (specs[2], places[2]), (specs[1], places[1])])
        #expect(test.host.status.map(\.name) == ["three", "two", "one"])
        #expect(test.host.plannedPlugins.map(\.name) == ["three", "gone", "two"])
        #expect(test.host.plannedPlugins.map(\.hasFailed) == [false, true, false])
        #expect(test.host.running(place: places[1]) == "two" && test.host.running(place: places[2]) == nil)
        await #expect(throws: PluginError.self) { try await test.host.load(planned: 1_000) }
        try await test.host.unload("three")
        #expect(try await test.host.load(planned: place).name == "three")
        #expect(test.host.status.map(\.name) == ["three", "two", "one"])
        await test.stop()
    }

    @Test("the error of a required plugin is known while others are still loading")
    func required() async throws {
        let test = try TestHost()
        test.host.plan([try blocking("slow", in: "CREATE_HANGS"), PluginSpec(path: "/nowhere/gone.so", required: true)])
        let start = Clock.monotonicNanoseconds
        await #expect(throws: PluginError.self) { _ = try await test.host.loadPlanned() }
        #expect(Clock.monotonicNanoseconds - start < 20_000_000_000)
        await test.host.shutdown(deadline: 200)
        for loop in test.loops { loop.stop() }
    }
}
