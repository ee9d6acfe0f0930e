import Testing

@testable import PluginHost

@Suite("A plugin's pointer for each socket")
struct PluginDataTests {
    private func loaded(_ run: String = "JF_RUN_STRAND") async throws -> TestHost {
        let test = try TestHost(loops: 2)
        try await test.host.load(PluginSpec(path: try Fixture.library("data", named: "data", "RUN=\(run)")))
        return test
    }

    private func freed(_ test: TestHost) -> [String] {
        test.log.lines.compactMap { $0.split(separator: "frees ").dropFirst().first.map(String.init) }
    }

    @Test(
        "the pointer is set on any thread, passed with every later event, and freed on the strand when it is replaced",
        arguments: ["", "-inline", "-lane"])
    func set(_ run: String) async throws {
        let test = try await loaded()
        let client = test.client("/data")
        func ask(_ event: String, _ argument: Int = 0) -> String? {
            client.ask(#"2/data,0["\#(event)",\#(argument)]"#)?.dropFirst(8).description
        }
        #expect(ask("get") == "[0,0]")
        #expect(ask("set\(run)", 5) == "[0,0]")
        for reader in ["get", "get-inline", "get-lane"] { #expect(ask(reader) == "[0,5]") }
        #expect(ask("set\(run)", 6) == "[0,5]")
        #expect(ask("get\(run)") == "[0,6]")
        #expect(ask("set-elsewhere") == "[0,0]")
        #expect(ask("get") == "[0,99]")
        #expect(ask("again") == "[0,99]", "the same pointer changes nothing")
        #expect(ask("get") == "[0,99]")
        #expect(ask("remove") == "[0,99]")
        #expect(ask("get") == "[0,0]")
        // In any order: each is freed once the last callback that got it has returned, which may be after its answer.
        for _ in 0..<200 where freed(test).count < 3 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(freed(test).sorted() == ["5", "6", "99"])
        #expect(ask("gone") == "[-3,0]")
        let other = test.client("/data", loop: 1)
        #expect(other.ask(#"2/data,0["get"]"#) == "3/data,0[0,0]")
        await test.stop()
    }

    @Test("an event that was queued before the pointer was set gets it too")
    func queued() async throws {
        let test = try await loaded()
        let client = test.client("/data")
        client.say(#"2/data,0["set",5]"#, #"2/data,1["get"]"#) {}
        #expect(client.hear() == "3/data,0[0,0]")
        #expect(client.hear() == "3/data,1[0,5]")
        await test.stop()
    }

    @Test("the pointer is not freed before the callback that got it has returned", arguments: ["use", "use-lane"])
    func used(_ event: String) async throws {
        let test = try await loaded()
        let client = test.client("/data")
        #expect(client.ask(#"2/data,0["set",5]"#) == "3/data,0[0,0]")
        // The fixture aborts if the pointer is freed while it is in use.
        #expect(client.ask(#"2/data,0["\#(event)",6]"#) == "3/data,0[0,5]")
        #expect(await test.log.waitForLine(with: "frees 5") != nil)
        client.say(#"2/data,["\#(event)",7]"#)
        #expect(await test.log.waitForLine(with: "uses 6") != nil)
        client.vanish()
        #expect(await test.log.waitForLine(with: "frees 6") != nil)
        #expect(await test.log.waitForLine(with: "frees 7") != nil)
        await test.stop()
        #expect(freed(test).sorted() == ["5", "6", "7"])
    }

    @Test(
        "the disconnected hook still gets the pointer, and then it is freed",
        arguments: [
            "JF_RUN_STRAND", "JF_RUN_BY_USER", "JF_RUN_PARALLEL", "JF_RUN_INLINE",
        ])
    func disconnected(_ run: String) async throws {
        let test = try await loaded(run)
        let client = test.client("/connected", loop: 1)
        #expect(client.ask(#"2/connected,0["nothing"]"#)?.hasPrefix("3/connected,0") == true)
        #expect(await test.log.waitForLine(with: "has 1") != nil)
        client.say("1/connected,")
        #expect(await test.log.waitForLine(with: "frees 1") != nil)
        let order = ["loses 1", "frees 1"].map { line in test.log.lines.firstIndex { $0.contains(line) } ?? -1 }
        #expect(order == order.sorted() && order[0] >= 0, "\(test.log.lines)")
        await test.stop()
        #expect(freed(test) == ["1"])
    }

    @Test(
        "pointers of connected sockets are freed when the plugin is unloaded, before destroy, and the sockets stay"
    )
    func unloaded() async throws {
        let test = try await loaded()
        let clients = (0..<4).map { test.client("/data", loop: $0 % 2) }
        for (index, client) in clients.enumerated() {
            #expect(client.ask(#"2/data,0["set-inline",\#(index + 1)]"#) == "3/data,0[0,0]")
        }
        try await test.host.unload("data")
        #expect(freed(test).sorted() == ["1", "2", "3", "4"])
        let lines = test.log.lines
        let stop = try #require(lines.firstIndex { $0.contains("stops") }),
            destroy = try #require(lines.firstIndex { $0.contains("is destroyed") })
        #expect(lines.indices.filter { lines[$0].contains("frees") }.allSatisfy { (stop..<destroy).contains($0) })
        clients[0].vanish()
        await test.stop()
    }

    @Test("with many short-lived sockets each pointer is freed once")
    func crowd() async throws {
        let test = try await loaded("JF_RUN_BY_USER")
        for round in 0..<50 {
            let client = test.client("/data", loop: round % 2)
            for event in ["set", "set-inline", "set-lane"] { client.say(#"2/data,["\#(event)",\#(round)]"#) }
            client.vanish()
        }
        await test.stop()
        let counts = Dictionary(freed(test).map { ($0, 1) }, uniquingKeysWith: +)
        // A pointer that is set after the socket has gone is refused, and the fixture frees it itself.
        #expect(counts.values.allSatisfy { $0 <= 3 }, "\(counts)")
        #expect(!test.log.lines.contains { $0.contains("error") })
    }
}
