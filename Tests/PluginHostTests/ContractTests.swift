import RawJSON
import Support
import Testing

@testable import PluginHost

/// The checks of arguments against the signatures that a plugin declares for the events that it handles and emits.
@Suite("Contracts")
struct ContractTests {
    private static let handlers = ["list", "list-inline", "list-by-key"]
    private static let functions = ["emit", "emit_ack", "broadcast", "broadcast_ack"]

    private func host(_ checks: EmitChecks = .count, _ macros: String...) async throws -> TestHost {
        var options = HostOptions()
        options.emitChecks = checks
        let test = try TestHost(options)
        let name = (["contracts"] + macros).joined(separator: "-")
        let library = try Fixture.build(
            "\(Fixture.root)/Tests/Fixtures/host/contracts.c", as: name, macros.map { "-D\($0)" })
        try await test.host.load(PluginSpec(path: library))
        return test
    }

    // MARK: Events of clients

    @Test("arguments that keep to the contract reach the handler unchanged", arguments: handlers)
    func right(_ event: String) async throws {
        let test = try await host()
        let client = test.client()
        #expect(client.ask(#"21["\#(event)","a", 5]"#) == #"31["a", 5]"#)
        #expect(client.ask(#"22["\#(event)","a",null]"#) == #"32["a",null]"#)
        #expect(client.ask(#"23["\#(event)","a"]"#) == #"33["a"]"#)
        #expect(test.refusals.isEmpty)
        await test.stop()
    }

    @Test("wrong arguments are answered with what is wrong, and the handler does not run", arguments: handlers)
    func wrong(_ event: String) async throws {
        let test = try await host()
        let client = test.client()
        func error(_ message: String) -> String {
            #"[{"error":{"code":"invalid_arguments","message":"\#(message)"}}]"#
        }
        #expect(
            client.ask(#"21["\#(event)","a","b"]"#)
                == "31" + error("argument 2 'limit': expected i64?, got string"))
        #expect(client.ask(#"22["\#(event)"]"#) == "32" + error("argument 1 'name' is missing: expected string"))
        #expect(client.ask(#"23["\#(event)","a",1,2]"#) == "33" + error("expected at most 2 arguments, got 3"))
        #expect(client.ask(#"24["calls"]"#) == "34[0]")
        #expect(test.refusals.count == 3)
        #expect(
            test.refusals.first
                == RefusalRecord(
                    .event, reason: "invalid_arguments",
                    detail: "\(event): argument 2 'limit': expected i64?, got string", address: "127.0.0.1",
                    plugin: "contracts"))
        await test.stop()
    }

    @Test("wrong arguments without an ack are counted, and nothing is sent", arguments: handlers)
    func withoutAck(_ event: String) async throws {
        let test = try await host()
        let client = test.client()
        client.say(#"2["\#(event)",1]"#)
        #expect(client.ask(#"21["calls"]"#) == "31[0]")
        #expect(test.refusals.map(\.reason) == ["invalid_arguments"])
        await test.stop()
    }

    @Test("a message that repeats the client's bytes is valid JSON")
    func escapes() async throws {
        let test = try await host()
        let answer = try #require(test.client().ask(#"21["entry",{"\"\\\u0000":1}]"#))
        #expect(JSONScanner.isValid(Array(answer.utf8.dropFirst(2))))
        #expect(answer.contains(#"argument 1 'entry': unknown member '\\\"\\\\\\u0000'"#))
        await test.stop()
    }

    @Test(
        "an attachment is a value of type bytes, a placeholder without one is not", arguments: ["file", "file-inline"])
    func attachments(_ event: String) async throws {
        let test = try await host()
        let client = test.client()
        client.say(#"51-1["\#(event)",{"_placeholder":true,"num":0}]"#)
        client.say(binary: [1, 2, 3])
        #expect(client.hear() == #"61-1[{"_placeholder":true,"num":0}]"#)
        #expect(client.hear() == "<3 bytes>")
        let answer = try #require(client.ask(#"22["\#(event)",{"_placeholder":true,"num":0}]"#))
        #expect(answer.contains("argument 1 'file': the message has no such attachment: expected bytes"))
        let text = try #require(client.ask(#"23["\#(event)","text"]"#))
        #expect(text.contains("argument 1 'file': expected bytes, got string"))
        await test.stop()
    }

    @Test("a signature holds in each namespace of its declaration", arguments: ["/", "/more"])
    func namespaces(_ namespace: String) async throws {
        let test = try await host()
        let client = test.client(namespace)
        let prefix = namespace == "/" ? "" : "/more,"
        #expect(client.ask(#"2\#(prefix)1["both",1]"#) == "3\(prefix)1[1]")
        let answer = try #require(client.ask(#"2\#(prefix)2["both",true]"#))
        #expect(answer.contains("argument 1 'a': expected i32, got boolean"))
        await test.stop()
    }

    @Test("an event without a contract gets any arguments", arguments: ["untyped", "untyped-inline"])
    func untyped(_ event: String) async throws {
        let test = try await host()
        let client = test.client()
        #expect(client.ask(#"21["\#(event)",{"a":[1, "ü"]},null]"#) == #"31[{"a":[1, "ü"]},null]"#)
        #expect(client.ask(#"22["\#(event)"]"#) == "32[]")
        await test.stop()
    }

    @Test("an observer gets only the events whose arguments keep to the contract of the handler")
    func observers() async throws {
        let test = try await host(.count, "OBSERVE")
        let client = test.client()
        #expect(client.ask(#"21["list","a"]"#) == #"31["a"]"#)
        #expect(try #require(client.ask(#"22["list",1]"#)).contains("invalid_arguments"))
        #expect(client.ask(#"23["observed"]"#) == "33[1]")
        #expect(client.ask(#"24["calls"]"#) == "34[1]")
        #expect(test.refusals.count == 1)
        // An inline observer of all events.
        let other = test.client("/more")
        #expect(other.ask(#"2/more,1["both",1]"#) == "3/more,1[1]")
        #expect(try #require(other.ask(#"2/more,2["both",""]"#)).contains("invalid_arguments"))
        #expect(client.ask(#"25["observed"]"#) == "35[2]")
        await test.stop()
    }

    // MARK: Events of the plugin

    private static let news = #"["news",{"title":"a","count":1}]"#
    private static let wrongNews = #"["news",{"title":"a","count":"b"}]"#
    private static let violation =
        "'news' breaks its signature: argument 1 'news', member 'count': expected i64, got string"

    /// `tell` with the arguments of an event.
    private func tell(_ id: Int, _ function: String, _ event: String) -> String {
        let name = event.prefix { $0 != "," }.dropFirst()
        return #"2\#(id)["tell","\#(function)",\#(name),[\#(event.dropFirst(name.utf8.count + 2))]"#
    }

    /// The name and arguments of an event that the client got, without the id of its ack.
    private func event(_ packet: String?) -> String? {
        packet.map { String($0.drop { $0 != "[" }) }
    }

    @Test("an emit that keeps to the contract is sent in every mode", arguments: functions, EmitChecks.allCases)
    func emits(_ function: String, _ checks: EmitChecks) async throws {
        let test = try await host(checks)
        let client = test.client()
        client.say(tell(1, function, Self.news))
        let packets = [client.hear(), client.hear()]
        #expect(packets.contains("31[0]"))
        #expect(packets.contains { event($0) == Self.news })
        #expect(test.host.status[0].contractViolations.allSatisfy { $0.count == 0 })
        await test.stop()
    }

    @Test("a strict host refuses an emit that breaks its signature, and sends nothing", arguments: functions)
    func strict(_ function: String) async throws {
        let test = try await host(.strict)
        let client = test.client()
        #expect(client.ask(tell(1, function, Self.wrongNews)) == "31[-2]")
        #expect(client.ask(#"22["calls"]"#) == "32[0]")
        #expect(test.log.lines.contains("warning: \(function): \(Self.violation); not sent"))
        #expect(test.host.status[0].contractViolations.first { $0.event == "news" }?.count == 1)
        await test.stop()
    }

    @Test("by default an emit that breaks its signature is sent, logged and counted", arguments: functions)
    func count(_ function: String) async throws {
        #expect(HostOptions().emitChecks == .count)
        let test = try await host()
        let client = test.client()
        client.say(tell(1, function, Self.wrongNews))
        let packets = [client.hear(), client.hear()]
        #expect(packets.contains("31[0]"))
        #expect(packets.contains { event($0) == Self.wrongNews })
        #expect(test.log.lines.contains("warning: the event \(Self.violation); sent nevertheless"))
        let violations = test.host.status[0].contractViolations
        #expect(violations.map(\.event) == ["news", "picture"])
        #expect(violations.map(\.count) == [1, 0])
        await test.stop()
    }

    @Test("a host with checks off checks no emit, but what clients send", arguments: functions)
    func off(_ function: String) async throws {
        let test = try await host(.off)
        let client = test.client()
        client.say(tell(1, function, Self.wrongNews))
        let packets = [client.hear(), client.hear()]
        #expect(packets.contains { event($0) == Self.wrongNews })
        #expect(test.host.status[0].contractViolations.isEmpty)
        #expect(try #require(client.ask(#"22["list",1]"#)).contains("invalid_arguments"))
        await test.stop()
    }

    @Test("an event that the plugin does not declare to emit is not checked")
    func undeclared() async throws {
        let test = try await host(.strict)
        let client = test.client()
        client.say(tell(1, "emit", #"["other",1,2]"#))
        #expect([client.hear(), client.hear()].contains(#"2["other",1,2]"#))
        await test.stop()
    }

    @Test("an emit with an attachment for a value of type bytes keeps to the contract")
    func emittedAttachment() async throws {
        let test = try await host(.strict)
        let client = test.client()
        client.say(#"51-1["tell","emit","picture",[{"_placeholder":true,"num":0}]]"#)
        client.say(binary: [1, 2, 3])
        let packets = [client.hear(), client.hear(), client.hear()]
        #expect(packets.contains(#"51-["picture",{"_placeholder":true,"num":0}]"#))
        #expect(client.ask(#"22["tell","emit","picture",["text"]]"#) == "32[-2]")
        await test.stop()
    }

    @Test("a strict host sends all that a plugin emits that declares nothing")
    func withoutEmits() async throws {
        var options = HostOptions()
        options.emitChecks = .strict
        let test = try await TestHost.withProbe(options)
        #expect(test.client().ask(#"2["back",1,"a"]"#) == #"2["back",1,"a"]"#)
        #expect(test.host.status[0].contractViolations.isEmpty)
        await test.stop()
    }
}
