import Testing

@testable import PluginHost

@Suite("Connections")
struct ConnectionTests {
    @Test("an admit hook lets in, refuses with data, fails, and decides later", arguments: ["/hooks", "/hooks-inline"])
    func admit(_ namespace: String) async throws {
        let test = try await TestHost.withProbe()
        func answer(_ auth: String) -> String? { TestClient(test.loops[0], joining: namespace, auth: auth).hear() }
        #expect(answer("")?.hasPrefix(#"0\#(namespace),{"sid":"#) == true)
        #expect(answer(#"{"do":"deny"}"#) == #"4\#(namespace),{"message":"go away","data":{"code":7}}"#)
        #expect(answer(#"{"do":"fail"}"#) == #"4\#(namespace),{"message":"internal error"}"#)
        #expect(answer(#"{"do":"forget"}"#) == #"4\#(namespace),{"message":"internal error"}"#)
        #expect(answer(#"{"do":"wait"}"#)?.hasPrefix(#"0\#(namespace),{"sid":"#) == true)
        #expect(test.log.line(with: "returned JF_LATER without keeping the token") != nil)
        await test.stop()
    }

    @Test("plugins hear of comings and goings, with reason and rooms")
    func hooks() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client("/hooks")
        #expect(client.hear() == #"2/hooks,["welcome"]"#)
        let leaver = test.client("/hooks", auth: #"{"user":"alice"}"#)
        leaver.vanish()
        #expect(client.hear() == #"2/hooks,["gone","transport error",2]"#)
        await test.stop()
    }

    @Test("a handler that disconnects its own sender does no harm")
    func disconnect() async throws {
        let test = try await TestHost.withProbe()
        let client = test.client()
        #expect(client.ask(#"2["leave"]"#) == "1")
        await test.stop()
    }

    @Test("nobody comes in while a plugin that wants to know is overloaded")
    func overload() async throws {
        var options = HostOptions()
        options.queueCallbacks = 2
        (options.queueSocketShare, options.queueUserShare) = (100, 100)
        let test = try await TestHost.withProbe(options)
        let client = test.client()
        client.say(#"20["sleep",1000]"#)
        test.waitUntilQueueIsEmpty()
        for id in 1...2 { client.say("2\(id)[\"echo\"]") }
        #expect(TestClient(test.loops[0], joining: "/hooks").hear() == #"4/hooks,{"message":"overloaded","data":{"code":"overloaded"}}"#)
        await test.stop()
    }
}
