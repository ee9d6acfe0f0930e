import Testing

@testable import PluginHost

/// When functions work, where callbacks run, and what happens to contexts. The fixture aborts if a callback marked
/// [strand] runs on another thread than `jf_plugin_main` did, without the instance, or with a blocked signal.
@Suite("States and threads")
struct StateTests {
    /// The lines of the plugin, and the one about it as loaded.
    private func lines(_ test: TestHost) -> [String] {
        test.log.lines.filter { $0.hasPrefix("info: ") && !$0.hasPrefix("info: maps ") }.map { String($0.dropFirst(6)) }
    }

    @Test("functions work from create until stop has returned, and each promised callback runs once, before destroy")
    func life() async throws {
        let test = try TestHost()
        let path = try Fixture.library("state")
        try await test.host.load(PluginSpec(path: path, name: "named"))
        #expect(
            lines(test).first == "main 0 'named' \(path)",
            "a line of state.c instead of 0 is that of a call that was served too early")
        #expect(await test.log.waitForLine(with: "timer of create") != nil)
        var seen = lines(test)
        #expect(seen.contains("frees timer that is cancelled"))
        let begin = ["create ends", "posted in create", "posted without free", "start"]
        #expect(seen.filter { begin.contains($0) } == begin)

        try await test.host.unload("named")
        seen = lines(test)
        let end = [
            "frees timer that waits", "stop begins", "stop ends", "posted in stop", "frees timer of stop",
            "fetched -3 of stop", "destroy 0", "unloaded",
        ]
        #expect(seen.suffix(end.count) == end, "\(seen)")
        #expect(
            !seen.contains { $0.hasPrefix("frees posted") || $0.hasPrefix("frees timer of create") },
            "what was called is not freed")
        await test.stop()
    }

    @Test(
        "if create fails only contexts are freed, without an instance",
        .enabled(if: TestIsolation.isInProcess, "the daemon ends a worker whose create has failed, while it still logs")
    )
    func createFails() async throws {
        let test = try TestHost()
        await #expect(throws: PluginError.self) {
            try await test.host.load(PluginSpec(path: try Fixture.library("state", named: "fails", "CREATE_FAILS")))
        }
        #expect(
            lines(test).dropFirst(2).sorted() == [
                "frees posted in create", "frees timer of create", "frees timer that is cancelled",
                "frees timer that waits",
            ])
        await test.stop()
    }

    @Test("if start fails, promised callbacks run, and then the plugin is destroyed")
    func startFails() async throws {
        let test = try TestHost()
        await #expect(throws: PluginError.self) {
            try await test.host.load(PluginSpec(path: try Fixture.library("state", named: "fails", "START_FAILS")))
        }
        let seen = lines(test)
        #expect(seen.last == "destroy 0", "\(seen)")
        #expect(seen.filter { $0.hasPrefix("fetched") && $0.hasSuffix("of start") }.count == 1)
        #expect(seen.contains("frees timer that waits"))
        #expect(!seen.contains("stop begins"))
        await test.stop()
    }

    @Test("threads that call while and after the plugin is destroyed are refused")
    func lateThreads() async throws {
        let test = try TestHost()
        for _ in 0..<3 {
            try await test.host.load(PluginSpec(path: try Fixture.library("state", named: "threads", "THREADS")))
            try await test.host.unload("state")
        }
        #expect(!lines(test).contains { $0.contains("by a thread") })
        await test.stop()
    }

    @Test("the strand is one thread, lanes are others, and tokens are valid where the header says")
    func threads() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("state")))
        let client = test.client()
        for id in 1...3 { #expect(client.ask("2\(id)[\"where\"]") == "3\(id)[\"strand\"]") }
        #expect(client.ask(#"24["lane"]"#) == #"34["lane"]"#)
        #expect(client.ask(#"25["tokens"]"#) == #"35["kept"]"#)
        #expect(client.ask(#"26["tokens-inline"]"#) == #"36["kept"]"#)
        #expect(
            test.log.line(with: "a token was used outside its callback, or on another thread") != nil,
            "the plugin's author reads why the call was refused")
        await test.stop()
    }

    @Test("wrong arguments are refused with a short line each, however long they are")
    func wrong() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("state")))
        #expect(test.client().ask(#"20["wrong"]"#) == "30[-5,-2,-2,-5,-2,-2,-2,-5,-3,-2,-2,-2]")
        for line in [
            // A worker names the field, since it writes one after the other into its message.
            "emit: \(TestIsolation.isInProcess ? "args have" : "message->args has") 104857600 bytes, more than the 67108864 of one call",
            "emit: args is NULL with a length",
            "emit: attachments[0] is NULL with a length of 5",
            "emit: \(TestIsolation.isInProcess ? "args and attachments have" : "attachments[0] has") ",
            "emit: attachment_count is 11, more than the 10 of a message",
            "join: room has 104857600 bytes, more than 256",
            "watch: user has 104857600 bytes, more than the 256 allowed",
            "set_data: json has 104857600 bytes, more than 65536",
            "ack_error: message has 104857600 bytes, more than 65532",
            "disconnect: close is 2, not 0 or 1",
            "log: level is 9, which is no JF_LOG_* of this host",
        ] {
            #expect(test.log.line(with: line) != nil, "\(line)")
        }
        // The handler answered with an error although the client had not asked for an ack.
        #expect(test.refusals.contains { $0.reason == "no_luck" && $0.detail == "nobody waits" })
        #expect(test.log.lines.allSatisfy { $0.utf8.count <= 4_096 + 64 })
        #expect(test.log.line(with: String(repeating: "x", count: 4_096)) != nil)
        await test.stop()
    }
}
