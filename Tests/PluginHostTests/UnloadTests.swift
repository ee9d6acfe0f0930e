import Testing

@testable import PluginHost

@Suite("Unloading")
struct UnloadTests {
    @Test("queued callbacks run before a plugin is destroyed")
    func finishes() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        client.say(#"20["sleep",50]"#)
        for id in 1...3 { client.say("2\(id)[\"echo\"]") }
        try await test.host.unload("probe")
        #expect(client.hear() == #"30["slept"]"#)
        for id in 1...3 { #expect(client.hear() == "3\(id)[]") }
        await test.stop()
    }

    @Test("unloading answers kept tokens, cancels timers, makes promised callbacks and removes namespaces")
    func undoes() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        client.say(#"20["hoard"]"#)
        client.say(#"2["timer"]"#)
        #expect(client.hear() == #"2["fired"]"#)
        client.say(#"2["ask"]"#)
        #expect(client.hear() == #"20["question"]"#)
        try await test.host.unload("probe")
        // On a busy machine the timer that the plugin cancels may fire before.
        var message = client.hear()
        while message == #"2["fired"]"# { message = client.hear() }
        #expect(message == #"2["answer",-3,[]]"#)
        #expect(
            client.hear()
                == #"30[{"error":{"code":"unavailable","message":"the service 'probe' has stopped; try again later"}}]"#
        )
        #expect(client.hear(within: 60) == nil)
        #expect(TestClient(test.loops[0], joining: "/hooks").hear() == #"4/hooks,{"message":"Invalid namespace"}"#)
        #expect(
            client.ask(#"29["echo"]"#)
                == #"39[{"error":{"code":"unknown_event","message":"no plugin handles the event"}}]"#)
        await test.stop()
    }

    @Test("a plugin whose callback does not return is abandoned, and the others go on")
    func stuck() async throws {
        var options = HostOptions()
        options.stopDeadline = 100
        let test = try TestHost(options)
        try await test.host.load(
            PluginSpec(path: try Fixture.library("small", named: "stuck", "NAME=\"stuck\"", "HANGS")))
        let client = test.client()
        client.say(#"20["small"]"#)
        client.say(#"21["small"]"#)
        // Throws whether the two events run in one batch or in two.
        await #expect(throws: PluginError.self) { try await test.host.unload("stuck") }
        // The worker is killed, so the event that it had begun is answered as well.
        if !TestIsolation.isInProcess {
            #expect(client.hear()?.hasPrefix(#"30[{"error":{"code":"unavailable""#) == true)
        }
        // The event that was queued behind it is answered.
        #expect(client.hear()?.hasPrefix(#"31[{"error":{"code":"unavailable""#) == true)
        try await test.host.load(PluginSpec(path: try Fixture.library("small")))
        #expect(client.ask(#"22["small"]"#) == #"32["small"]"#)
        await test.stop()
    }

    @Test(
        "when the host stops, accepted events are answered, then sockets disconnect with \"server shutting down\", and then plugins stop"
    )
    func hostStops() async throws {
        let test = try await TestHost.withProbe(loops: 2)
        let client = test.client()
        _ = test.client("/hooks", loop: 1).hear()
        client.say(#"20["sleep",50]"#)
        client.say(#"21["later"]"#)
        await test.stop()
        #expect(client.hear() == #"30["slept"]"#)
        #expect(client.hear() == #"31["later"]"#)
        let told = try #require(test.log.lines.firstIndex { $0.contains("server shutting down") })
        let stopped = try #require(test.log.lines.firstIndex { $0.contains("probe stops") })
        #expect(told < stopped)
    }
}
