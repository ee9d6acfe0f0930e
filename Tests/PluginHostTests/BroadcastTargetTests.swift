import Testing

@testable import PluginHost

@Suite("Broadcast targets")
struct BroadcastTargetTests {
    private let test: TestHost
    /// alice on both loops, bob on the second, and an anonymous client that sends the requests.
    private let clients: [TestClient]
    private var asker: TestClient { clients[3] }

    init() async throws {
        test = try TestHost(loops: 2)
        try await test.host.load(PluginSpec(path: try Fixture.library("select")))
        let alice = #"{"user":"alice"}"#
        clients = [
            test.client(loop: 0, auth: alice), test.client(loop: 1, auth: alice),
            test.client(loop: 1, auth: #"{"user":"bob"}"#), test.client(loop: 0),
        ]
        #expect(clients[0].ask(#"20["join","r"]"#) == "30[0]")
        #expect(clients[2].ask(#"20["join","r"]"#) == "30[0]")
        #expect(clients[2].ask(#"20["join","s"]"#) == "30[0]")
    }

    /// The result code of the anonymous client's call, and the indices of the clients that got the message.
    private func say(_ selection: String) -> (code: String?, heard: [Int]) {
        // Each client reads until the next expected packet; everything before it is counted.
        asker.say(#"21["say",\#(selection)]"#)
        var code: String?
        var heard: [Int] = []
        while code == nil, let packet = asker.hear() {
            if packet.hasPrefix("31") { code = String(packet.dropFirst(3).dropLast()) } else { heard.append(3) }
        }
        for (index, client) in clients.dropLast().enumerated() {
            client.say(#"29["join","end"]"#)
            while let packet = client.hear(), packet != "39[0]" { heard.append(index) }
        }
        return (code, heard.sorted())
    }

    @Test(
        "a target is the union of users, rooms and sockets minus its exceptions, and each socket gets the message once")
    func whoHears() async {
        #expect(say(#"{"all":1}"#) == ("0", [0, 1, 2, 3]))
        #expect(say(#"{"all":1,"not_self":1}"#) == ("0", [0, 1, 2]))
        #expect(say(#"{"all":1,"except":["r"]}"#) == ("0", [1, 3]))
        #expect(say(#"{"user":"alice"}"#) == ("0", [0, 1]))
        #expect(say(#"{"user":"alice","rooms":["r","s"]}"#) == ("0", [0, 1, 2]))
        #expect(say(#"{"user":"alice","except":["r"]}"#) == ("0", [1]))
        #expect(say(#"{"rooms":["user:bob"]}"#) == ("0", [2]))
        #expect(say(#"{"self":1}"#) == ("0", [3]))
        #expect(say(#"{"self":1,"user":"bob"}"#) == ("0", [2, 3]))
        #expect(say(#"{"self":1,"not_self":1}"#) == ("0", []))
        #expect(say(#"{"rooms":["nowhere"]}"#) == ("0", []))
        #expect(say(#"{"self":1,"nsp":"/other"}"#) == ("0", []))
        await test.stop()
    }

    @Test("JF_TARGET_EVERY_NSP reaches the sockets of every namespace")
    func everyNamespace() async {
        let other = test.client("/other")
        #expect(say(#"{"all":1,"every":1}"#) == ("0", [0, 1, 2, 3]))
        #expect(other.hear() == #"2/other,["said"]"#)
        #expect(say(#"{"rooms":["r"],"every":1}"#) == ("0", [0, 2]))
        #expect(other.ask(#"2/other,0["join","r"]"#) == "3/other,0[0]")
        #expect(say(#"{"rooms":["r"],"every":1}"#) == ("0", [0, 2]))
        #expect(other.hear() == #"2/other,["said"]"#)
        await test.stop()
    }

    @Test("a target with the empty user of an anonymous sender never means everybody")
    func anonymous() async {
        #expect(asker.ask(#"20["anonymous"]"#) == "30[-2]")
        #expect(
            test.log.line(
                with: "broadcast: the target names nobody: set user, rooms or socket, or JF_TARGET_ALL for everybody")
                != nil)
        #expect(clients[0].hear(within: 50) == nil)
        #expect(clients[0].ask(#"20["anonymous"]"#) == #"2["private"]"#)
        await test.stop()
    }

    @Test(
        "every function that takes a target refuses an empty or contradictory one",
        arguments: [
            ("{}", "the target names nobody"),
            (#"{"every":1}"#, "the target names nobody"),
            (#"{"not_self":1,"except":["r"]}"#, "the target names nobody"),
            (#"{"all":1,"user":"bob"}"#, "the target has JF_TARGET_ALL, and a user, rooms or a socket beside it"),
            (#"{"all":1,"rooms":["r"]}"#, "the target has JF_TARGET_ALL, and"),
            (#"{"all":1,"self":1}"#, "the target has JF_TARGET_ALL, and"),
            (#"{"all":1,"every":1,"nsp":"/"}"#, "target->nsp is '/', and JF_TARGET_EVERY_NSP is set"),
            (#"{"all":1,"nsp":"other"}"#, "target->nsp 'other' does not begin with '/'"),
            (#"{"rooms":[""]}"#, "target->rooms[0] is empty"),
            (#"{"rooms":1001}"#, "target->rooms: 1001 are more than 1000"),
            (#"{"all":1,"except":1001}"#, "target->except_rooms: 1001 are more than 1000"),
            (#"{"user":"a\u0001b"}"#, "target->user holds a control character"),
        ])
    func refused(_ selection: String, _ problem: String) async {
        for (event, function) in [
            ("say", "broadcast"), ("join-all", "join_all"), ("leave-all", "leave_all"), ("close-all", "disconnect_all"),
            ("count", "fetch"),
        ] {
            #expect(asker.ask(#"21["\#(event)",\#(selection)]"#) == "31[-2]", "\(function)")
            #expect(test.log.line(with: "\(function): \(problem)") != nil, "\(function)")
        }
        await test.stop()
    }

    @Test("a target's sockets join and leave rooms, are fetched and are disconnected")
    func others() async {
        #expect(asker.ask(#"21["join-all",{"user":"alice"}]"#) == "31[0]")
        #expect(say(#"{"rooms":["joined"]}"#) == ("0", [0, 1]))
        #expect(asker.ask(#"21["count",{"rooms":["joined","s"]}]"#) == "31[0,3]")
        #expect(asker.ask(#"21["leave-all",{"rooms":["r"]}]"#) == "31[0]")
        #expect(asker.ask(#"21["count",{"rooms":["joined"]}]"#) == "31[0,1]")
        #expect(asker.ask(#"21["count",{"rooms":1000}]"#) == "31[0,0]")
        #expect(asker.ask(#"21["close-all",{"user":"bob"}]"#) == "31[0]")
        #expect(clients[2].hear() == "1")
        #expect(asker.ask(#"21["count",{"all":1}]"#) == "31[0,3]")
        await test.stop()
    }
}
