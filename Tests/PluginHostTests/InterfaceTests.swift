import Presence
import Support
import Testing

@testable import PluginHost

@Suite("Interfaces")
struct InterfaceTests {
    @Test("each wrong argument is refused, and one line names it")
    func wrongArguments() async throws {
        let test = try await TestHost.withProbe()
        #expect(test.client().ask(#"20["bad"]"#) == "30[-2,-2,-2,-3,-2,-4]")
        #expect(test.log.line(with: "emit: args: invalid JSON: unexpected ']' at byte 3") != nil)
        #expect(test.log.line(with: "emit: args must be a JSON array of all arguments") != nil)
        #expect(test.log.line(with: "emit: message->name 'disconnect' is reserved by Socket.IO") != nil)
        #expect(test.log.line(with: "join: room is empty") != nil)
        await test.stop()
    }

    @Test("names that are too long and invalid user ids are refused before they are looked up")
    func wrongIDs() async throws {
        let test = try await TestHost.withProbe()
        #expect(test.client().ask(#"20["bad-ids"]"#) == "30[-2,-2,-2,-2,-2,-2,-2]")
        #expect(test.log.line(with: "watch: user has 1000 bytes, more than the 256 allowed") != nil)
        #expect(test.log.line(with: "unwatch: user holds a control character") != nil)
        #expect(test.log.line(with: "broadcast: target->user holds a control character") != nil)
        #expect(test.log.line(with: "broadcast: target->rooms[0] has 1000 bytes, more than 261") != nil)
        #expect(test.log.line(with: "broadcast: target->except_rooms[0] has 1000 bytes, more than 261") != nil)
        #expect(test.log.line(with: "broadcast: target->nsp has 1000 bytes, more than 256") != nil)
        #expect(test.log.line(with: "members: nsp has 1000 bytes, more than 256") != nil)
        await test.stop()
    }

    @Test("a socket is described from any thread, with the data that was set")
    func describe() async throws {
        let test = try await TestHost.withProbe()
        let client = TestClient(test.loops[0], joining: "/", auth: #"{"user":"alice"}"#)
        _ = client.hear()
        let answer = client.ask(#"20["describe"]"#)
        #expect(answer?.contains(#","nsp":"/","user":"alice","claims":{"sub":"x"},"data":{"color":"red"}}]"#) == true)
        await test.stop()
    }

    @Test("sockets are fetched from all loops")
    func fetch() async throws {
        let test = try await TestHost.withProbe(loops: 2)
        let client = test.client(loop: 0)
        _ = test.client(loop: 1, auth: #"{"user":"bob"}"#)
        let answer = try #require(client.ask(#"2["fetch"]"#))
        #expect(answer.hasPrefix(#"2["fetched",0,2,[{"id":""#))
        #expect(answer.contains(#""user":null,"data":{},"rooms":["#))
        #expect(answer.contains(#""user":"bob","data":{},"rooms":["#))
        #expect(answer.contains(#""user:bob"]"#))
        await test.stop()
    }

    @Test("emit_ack reports an answer, a timeout and a disconnect")
    func emitWithAck() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        #expect(client.ask(#"2["ask"]"#) == #"20["question"]"#)
        #expect(client.ask(#"30["yes"]"#) == #"2["answer",0,["yes"]]"#)
        #expect(client.ask(#"2["ask"]"#) == #"21["question"]"#)
        #expect(client.hear() == #"2["answer",-9,[]]"#)
        await test.stop()
    }

    @Test("broadcast_ack calls back with the answers that arrived")
    func broadcastWithAck() async throws {
        let test = try await TestHost.withProbe(loops: 2)
        let (asker, other) = (test.client(loop: 0), test.client(loop: 1))
        asker.say(#"2["ask-all"]"#)
        #expect(asker.hear() == #"20["question"]"#)
        #expect(other.hear() == #"20["question"]"#)
        asker.say("30[]")
        other.say("30[]")
        #expect(asker.hear() == #"2["answers",0,2,2]"#)
        asker.say(#"2["ask-all"]"#)
        #expect(asker.hear() == #"21["question"]"#)
        asker.say("31[]")
        #expect(asker.hear() == #"2["answers",-9,2,1]"#)
        await test.stop()
    }

    @Test(
        "messages emitted in a batch are sent in order, as one job for the loop",
        .enabled(if: TestIsolation.isInProcess, "a batch of a worker is one job only if it lasts less than 10 ms"))
    func batch() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        client.say(#"2["back",0]"#)
        #expect(client.hear() == #"2["back",0]"#)
        let before = test.loops[0].jobsGiven
        client.say(#"2["batch"]"#)
        for number in 1...5 { #expect(client.hear() == #"2["piece",\#(number)]"#) }
        // One job is the client's packet, and one wakes the strand at the end of that tick, if it already sleeps.
        #expect(test.loops[0].jobsGiven <= before + 3)
        #expect(test.log.line(with: "batch: task is NULL") != nil)
        await test.stop()
    }

    @Test("on a loop, messages emitted in a batch are sent at once")
    func batchInline() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        client.say(#"2["batch-inline"]"#)
        for number in 1...5 { #expect(client.hear() == #"2["piece",\#(number)]"#) }
        await test.stop()
    }

    @Test("messages of other threads do not wait for the end of a batch")
    func batchSlowly() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        client.say(#"2["batch-slowly"]"#)
        try await Task.sleep(for: .milliseconds(100))
        client.say(#"2["back",1]"#)
        // The `slow` message was in the mailbox already, so it is sent with `back`.
        #expect(client.hear(within: 1000) == #"2["slow"]"#)
        #expect(client.hear(within: 1000) == #"2["back",1]"#)
        await test.stop()
    }

    @Test("timers fire in time, cancelled ones do not, and posted functions run")
    func timers() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        let start = Clock.monotonicNanoseconds
        #expect(client.ask(#"2["timer"]"#) == #"2["fired"]"#)
        #expect(client.hear() == #"2["fired"]"#)
        #expect(Clock.monotonicNanoseconds - start >= 20_000_000)
        #expect(client.hear(within: 50) == nil)
        await test.stop()
    }

    @Test("a declared timer fires repeatedly, until the plugin is unloaded")
    func declaredTimer() async throws {
        let test = try TestHost()
        let start = Clock.monotonicNanoseconds
        try await test.host.load(PluginSpec(path: try Fixture.library("probe", named: "ticking", "TICK=10")))
        let client = test.client()
        _ = client.hear(within: 100)
        let ticks = try #require(client.ask(#"20["ticks"]"#).flatMap { Int($0.dropFirst(3).dropLast()) })
        let most = Int((Clock.monotonicNanoseconds - start) / 10_000_000) + 1
        #expect((2...most).contains(ticks), "every 10 ms, not more often")
        await test.stop()
    }

    @Test("presence changes of watched users are delivered, those of others are not")
    func presence() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        #expect(client.ask(#"20["watch"]"#) == "30[]")
        test.host.presenceChanged([
            PresenceChange(user: "carol", isOnline: true, at: 1), PresenceChange(user: "bob", isOnline: true, at: 2),
            PresenceChange(user: "bob", isOnline: false, at: 3),
        ])
        #expect(client.hear() == #"2["edge","online"]"#)
        #expect(client.hear() == #"2["edge","offline"]"#)
        await test.stop()
    }
}

@Suite("JSON from C")
struct JSONTests {
    @Test("containers are walked in linear time, documents are written into a buffer, and errors are kept")
    func json() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("json")))
        #expect(
            test.client().ask(#"20["check"]"#) == "30[0,0,0,0,0,0,0]",
            "the lines of json.c that are not as they should be")
        await test.stop()
    }
}
