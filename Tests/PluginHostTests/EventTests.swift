import Testing

@testable import PluginHost

@Suite("Events")
struct EventTests {
    @Test("an ack returns the arguments unchanged", arguments: ["echo", "echo-inline"])
    func echo(_ event: String) async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        #expect(client.ask(#"27["\#(event)",{"a":[1, "ü"]},null]"#) == #"37[{"a":[1, "ü"]},null]"#)
        #expect(client.ask(#"28["\#(event)"]"#) == "38[]")
        await test.stop()
    }

    @Test("attachments go both ways", arguments: ["echo", "echo-inline"])
    func attachments(_ event: String) async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        client.say(#"51-3["\#(event)",{"_placeholder":true,"num":0}]"#)
        client.say(binary: [1, 2, 3])
        #expect(client.hear() == #"61-3[{"_placeholder":true,"num":0}]"#)
        #expect(client.hear() == "<3 bytes>")
        await test.stop()
    }

    @Test("an ack is sent once", arguments: ["twice", "twice-inline"])
    func once(_ event: String) async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        #expect(client.ask(#"21["\#(event)"]"#) == "31[1]")
        #expect(client.hear() == #"2["codes",0,-3]"#)
        await test.stop()
    }

    @Test("the ack functions refuse an event without an ack")
    func noAck() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        #expect(client.ask(#"2["twice"]"#) == #"2["codes",-3,-3]"#)
        client.say(#"2["later"]"#)
        #expect(client.ask(#"22["code"]"#) == "32[-3]")
        await test.stop()
    }

    @Test(
        "a kept token is completed later, from a plugin's own thread, and only once",
        arguments: ["later", "later-inline"])
    func later(_ event: String) async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        #expect(client.ask(#"24["\#(event)"]"#) == #"34["later"]"#)
        #expect(test.host.status[0].keptTokens == 0)
        await test.stop()
    }

    @Test("a kept token is gone when its client has left")
    func tokenGone() async throws {
        let test = try await TestHost.withProbe()
        let leaver = test.client()
        leaver.say(#"21["hoard"]"#)
        let client = test.client()
        #expect(client.ask(#"21["code"]"#) == "31[0]")
        leaver.vanish()
        #expect(client.ask(#"22["release"]"#) == "32[0,-3]")
        client.say(#"23["hoard"]"#)
        #expect(client.ask(#"24["release"]"#) == #"33["hoarded"]"#)
        #expect(client.hear() == "34[1,0]")
        await test.stop()
    }

    @Test("a full table removes tokens whose client no longer waits")
    func tokenLimit() async throws {
        var options = HostOptions()
        options.keptTokens = 2
        let test = try await TestHost.withProbe(options)
        let leaver = test.client()
        for id in 1...2 { leaver.say("2\(id)[\"hoard\"]") }
        let client = test.client()
        client.say(#"23["hoard"]"#)
        #expect(client.ask(#"24["code"]"#) == "34[-5]")
        leaver.vanish()
        client.say(#"25["hoard"]"#)
        #expect(client.ask(#"26["code"]"#) == "36[0]")
        await test.stop()
    }

    @Test("an error of a plugin has the host's error format")
    func ackError() async throws {
        let test = try await TestHost.withProbe()
        #expect(test.client().ask(#"20["fail"]"#) == #"30[{"error":{"code":"no_luck","message":"it said \"no\""}}]"#)
        await test.stop()
    }

    @Test("events of one client stay in order on the strand and through the mailbox")
    func order() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        for number in 0..<500 { client.say(#"2["back",\#(number)]"#) }
        for number in 0..<500 { #expect(client.hear() == #"2["back",\#(number)]"#) }
        await test.stop()
    }

    @Test("a join takes effect before the broadcast that follows it", arguments: ["join", "join-inline"])
    func joinThenBroadcast(_ event: String) async throws {
        let test = try await TestHost.withProbe(loops: 2)
        let (first, second) = (test.client(loop: 0), test.client(loop: 1))
        first.say(#"21["\#(event)","a\tb"]"#)
        #expect(first.hear() == #"2["joined","a\tb"]"#)
        #expect(first.hear() == "31[]")
        second.say(#"21["\#(event)","a\tb"]"#)
        #expect(second.hear() == #"2["joined","a\tb"]"#)
        #expect(first.hear() == #"2["joined","a\tb"]"#)
        await test.stop()
    }

    @Test(
        "the broadcasts of one tick reach another loop as one job",
        .enabled(if: TestIsolation.isInProcess, "in a worker, nothing runs inline"))
    func broadcastsOfOneTick() async throws {
        let test = try await TestHost.withProbe(loops: 2)
        let (first, second) = (test.client(loop: 0), test.client(loop: 1))
        second.say(#"2["join-inline","here"]"#)
        #expect(second.hear() == #"2["joined","here"]"#)
        let before = test.loops[1].jobsGiven
        let packet = #"2["join-inline","here"]"#
        let atTheEnd = first.say(packet, packet, packet) { test.loops[1].jobsGiven }
        #expect(atTheEnd == before)
        for _ in 1...3 { #expect(second.hear() == #"2["joined","here"]"#) }
        #expect(test.loops[1].jobsGiven == before + 1)
        await test.stop()
    }

    @Test("an event that does not fit into the queue is answered with an error and counted")
    func overload() async throws {
        var options = HostOptions()
        options.queueCallbacks = 4
        (options.queueSocketShare, options.queueUserShare) = (100, 100)
        let test = try await TestHost.withProbe(options)
        let client = test.client()
        client.say(#"20["sleep",1000]"#)
        test.waitUntilQueueIsEmpty()
        for id in 1...6 { client.say("2\(id)[\"echo\"]") }
        let refusal =
            #"[{"error":{"code":"overloaded","message":"the service 'probe' has too much to do; try again later"}}]"#
        #expect(client.hear() == "35\(refusal)")
        #expect(client.hear() == "36\(refusal)")
        #expect(client.hear() == #"30["slept"]"#)
        for id in 1...4 { #expect(client.hear() == "3\(id)[]") }
        #expect(test.host.status[0].refused == 2)
        await test.stop()
    }

    @Test(
        "a plugin that sleeps delays neither inline handlers nor other plugins",
        .enabled(if: TestIsolation.isInProcess, "in a worker, inline handlers run on the strand"))
    func isolation() async throws {
        let test = try await TestHost.withProbe()
        try await test.host.load(PluginSpec(path: try Fixture.library("small", named: "other", "NAME=\"other\"")))
        let client = test.client()
        client.say(#"20["sleep",300]"#)
        #expect(client.ask(#"21["echo-inline"]"#) == "31[]")
        #expect(client.ask(#"22["small"]"#) == #"32["other"]"#)
        #expect(client.hear() == #"30["slept"]"#)
        await test.stop()
    }

    @Test("events with one key run in order on one lane, parallel ones on several")
    func lanes() async throws {
        var options = HostOptions()
        options.lanes = 4
        let test = try await TestHost.withProbe(options)
        let client = test.client()
        func threads(_ event: String, _ args: (Int) -> String) -> Set<String> {
            for id in 0..<8 { client.say("2\(id)[\"\(event)\",\(args(id))]") }
            return Set((0..<8).compactMap { _ in client.hear().map { String($0.dropFirst(2)) } })
        }
        #expect(threads("where-key") { _ in #"{"room":"r"}"# }.count == 1)
        #expect(threads("where-key") { #"{"room":"\#($0)"}"# }.count > 1)
        #expect(threads("where-parallel") { _ in "0" }.count > 1)
        await test.stop()
    }

    @Test("a catch-all gets events without a handler, an observer gets all events, and each gets its context")
    func catchAll() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client("/any")
        #expect(client.ask(#"2/any,["whatever",1]"#) == #"2/any,["any","whatever","catch-all"]"#)
        #expect(test.client().ask(#"20["observed"]"#) == "30[1]")
        await test.stop()
    }

    @Test("namespaces of a pattern share its handlers")
    func patterns() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client("/dyn-12")
        #expect(client.ask(#"2/dyn-12,0["echo",1]"#) == "3/dyn-12,0[1]")
        let other = TestClient(test.loops[0], joining: "/dyn-x")
        #expect(other.hear() == #"44/dyn-x,{"message":"Invalid namespace"}"#.dropFirst().description)
        await test.stop()
    }

    @Test("a builtin event runs on the loop, and no plugin may claim it")
    func builtins() async throws {
        let test = try TestHost()
        test.host.registerBuiltin("small") { event, socket in
            let args = Array(event.args)
            if let id = event.ackID { args.withUnsafeBytes { socket.ack(id, args: $0) } }
        }
        #expect(test.client().ask(#"20["small",7]"#) == "30[7]")
        await #expect(throws: PluginError.self) {
            try await test.host.load(PluginSpec(path: try Fixture.library("small")))
        }
        #expect(test.log.line(with: "event 1: 'small' of '/' belongs to the host itself") != nil)
        await test.stop()
    }
}
