import EngineIO
import SocketIO
import Testing

@testable import PluginHost

@Suite("Connections")
struct ConnectionTests {
    @Test("an admit hook accepts, refuses with data, fails, and decides later", arguments: ["/hooks", "/hooks-inline"])
    func admit(_ namespace: String) async throws {
        let test = try await TestHost.withProbe()
        func answer(_ auth: String) -> String? { TestClient(test.loops[0], joining: namespace, auth: auth).hear() }
        #expect(answer("")?.hasPrefix(#"0\#(namespace),{"sid":"#) == true)
        #expect(answer(#"{"do":"deny"}"#) == #"4\#(namespace),{"message":"go away","data":{"code":7}}"#)
        #expect(answer(#"{"do":"fail"}"#) == #"4\#(namespace),{"message":"internal error"}"#)
        #expect(answer(#"{"do":"forget"}"#) == #"4\#(namespace),{"message":"internal error"}"#)
        #expect(answer(#"{"do":"wait"}"#)?.hasPrefix(#"0\#(namespace),{"sid":"#) == true)
        #expect(test.log.line(with: "returned JF_PENDING without keeping the token") != nil)
        await test.stop()
    }

    @Test(
        "hooks do not run for a recovered session, unless it is another user's or recovery runs middlewares",
        .enabled(if: TestIsolation.isInProcess, "in a worker, nothing runs inline"),
        arguments: [true, false])
    func recovery(skips: Bool) async throws {
        var recovery = RecoveryOptions()
        recovery.skipMiddlewares = skips
        var options = SocketOptions()
        options.recovery = RecoveryStore(options: recovery)
        let test = try await TestHost.withProbe(sockets: options)
        func connect(_ auth: String) throws -> (client: TestClient, answer: String) {
            let client = TestClient(test.loops[0], joining: "/hooks-inline", auth: auth)
            return (client, try #require(client.hear()))
        }
        let first = try connect(#"{"user":"alice"}"#)
        let pid = try #require(first.answer.firstMatch(of: /"pid":"([^"]+)"/)).1
        first.client.vanish()
        let refusal = #"4/hooks-inline,{"message":"go away","data":{"code":7}}"#
        #expect(try connect(#"{"pid":"\#(pid)","user":"bob","do":"deny"}"#).answer == refusal)
        #expect(try connect(#"{"pid":"\#(pid)","do":"deny"}"#).answer == refusal)
        let back = try connect(#"{"pid":"\#(pid)","user":"alice","do":"deny"}"#)
        #expect(back.answer == (skips ? #"2/hooks-inline,["welcome","1"]"# : refusal))
        if skips { #expect(back.client.hear() == first.answer) }
        await test.stop()
    }

    @Test(
        "an unknown result code of admit or handshake refuses the client and logs one line",
        .enabled(if: TestIsolation.isInProcess, "a plugin with a handshake hook does not run in a worker"))
    func oddCodes() async throws {
        let test = try await TestHost.withProbe()
        let answer = TestClient(test.loops[0], joining: "/hooks", auth: #"{"do":"odd"}"#).hear()
        #expect(answer == #"4/hooks,{"message":"internal error"}"#)
        let verdict = test.loops[0].sync { [host = test.host] _ in
            host.allowRequest(
                HandshakeRequest(
                    remoteAddress: "::1", secure: false, uri: "/", issued: 0, headers: [(name: "X-Odd", value: "1")]))
        }
        guard case .refuse("Forbidden") = verdict else { throw Fixture.Failed(description: "\(verdict)") }
        #expect(
            test.log.lines.filter { $0.contains("admit") } == [
                "warning: admit of '/hooks' returned 77, which is no result code of jackfield.h, so the client was refused"
            ])
        #expect(
            test.log.lines.filter { $0.contains("handshake") } == [
                "warning: handshake returned 77, which is no result code of jackfield.h, so the request was refused"
            ])
        await test.stop()
    }

    @Test(
        "a client without a decision is refused after the deadline, wherever admit runs",
        arguments: ["/hooks", "/hooks-inline"])
    func neverDecided(_ namespace: String) async throws {
        var options = HostOptions()
        options.decisionDeadline = 100
        let test = try await TestHost.withProbe(options)
        let client = TestClient(test.loops[0], joining: namespace, auth: #"{"do":"never"}"#)
        #expect(client.hear() == #"4\#(namespace),{"message":"timeout","data":{"code":"timeout"}}"#)
        await test.stop()
    }

    @Test("socket hooks get connects and disconnects, with reason and rooms")
    func hooks() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client("/hooks")
        #expect(client.hear() == #"2/hooks,["welcome"]"#)
        let leaver = test.client("/hooks", auth: #"{"user":"alice"}"#)
        leaver.vanish()
        #expect(client.hear() == #"2/hooks,["gone","transport error",2]"#)
        await test.stop()
    }

    @Test("a handler may disconnect its own sender")
    func disconnect() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        #expect(client.ask(#"2["leave"]"#) == "1")
        await test.stop()
    }

    @Test("clients are refused while the queue of a plugin with socket hooks is full")
    func overload() async throws {
        var options = HostOptions()
        options.queueCallbacks = 2
        (options.queueSocketShare, options.queueUserShare) = (100, 100)
        let test = try await TestHost.withProbe(options)
        let client = test.client()
        client.say(#"20["sleep",1000]"#)
        test.waitUntilQueueIsEmpty()
        for id in 1...2 { client.say("2\(id)[\"echo\"]") }
        #expect(
            TestClient(test.loops[0], joining: "/hooks").hear()
                == #"4/hooks,{"message":"overloaded","data":{"code":"overloaded"}}"#)
        await test.stop()
    }
}
