import Foundation
import Glibc
import Presence
import Support
import Testing

@testable import PluginHost

/// A running plugin is replaced by a new version; see Tests/Fixtures/host/reload.c.
@Suite("Reloading")
struct ReloadTests {
    private static func version(_ number: String, _ macros: String...) throws -> PluginSpec {
        try version(number, macros: macros)
    }

    private static func version(_ number: String, macros: [String]) throws -> PluginSpec {
        let name = (["reload", number] + macros).joined(separator: "-").filter { $0.isLetter || $0.isNumber }
        let flags = (["VERSION=\"\(number)\""] + macros).map { "-D\($0)" }
        return PluginSpec(
            path: try Fixture.build("\(Fixture.root)/Tests/Fixtures/host/reload.c", as: name, flags))
    }

    /// A host with version 1.0.0.
    private static func loaded(
        _ macros: String..., loops: Int = 1, options: HostOptions = HostOptions()
    ) async throws -> TestHost {
        let test = try TestHost(loops: loops, options)
        try await test.host.load(try version("1.0.0", macros: macros))
        return test
    }

    /// The deadline of a reload is long enough for a busy machine.
    private static var patient: HostOptions {
        var options = HostOptions()
        options.reloadDeadline = 60_000
        return options
    }

    /// A reload that is held up in `save` of the running version: the loops hold what clients cause.
    private struct Halted {
        let gate: String
        let reload: Task<PluginReload, any Error>

        /// Lets `save` return, and waits for the result of the reload.
        func goOn() async throws -> PluginReload {
            unlink(gate)
            return try await reload.value
        }
    }

    /// The configuration with which `save` waits for ``Halted/goOn()``.
    private static func gate() throws -> (path: String, config: [UInt8]) {
        let path = try Fixture.file("gate-\(UInt64.random(in: 0 ... .max))", [])
        return (path, Array(#"{"gate":"\#(path)"}"#.utf8))
    }

    /// A host with version 1.0.0 whose reload to 2.0.0 is held up.
    private static func halted(_ macros: String...) async throws -> (TestHost, Halted, TestClient) {
        let gate = try gate()
        let test = try TestHost(patient)
        var spec = try version("1.0.0")
        spec.config = gate.config
        try await test.host.load(spec)
        let client = test.client(auth: #"{"user":"alice"}"#)
        return (test, try await halt(test.host, test.log, gate.path, macros), client)
    }

    private static func halt(
        _ host: PluginHost.Host, _ log: RecordingLog, _ gate: String, _ macros: [String] = []
    ) async throws -> Halted {
        let next = try version("2.0.0", macros: macros)
        let reload = Task.detached { try await host.reload("reload", spec: next) }
        try #require(await log.waitForLine(with: "1.0.0 saved") != nil)
        return Halted(gate: gate, reload: reload)
    }

    // MARK: State

    @Test("the new version goes on with the state and the kept acks of the one before")
    func state() async throws {
        let test = try await Self.loaded()
        let client = test.client()
        #expect(client.ask(#"20["count"]"#) == #"30["1.0.0",1]"#)
        #expect(client.ask(#"21["count"]"#) == #"31["1.0.0",2]"#)
        client.say(#"22["keep"]"#)
        client.say(#"23["keep"]"#)
        let report = try await test.host.reload("reload", spec: try Self.version("2.0.0"))
        #expect(report.tokens == 2)
        #expect(report.before == "1.0.0")
        #expect(report.status.version == "2.0.0")
        #expect(report.leftover == nil)
        #expect(client.ask(#"24["count"]"#) == #"34["2.0.0",3]"#)
        client.say(#"25["release"]"#)
        for id in [2, 3, 5] { #expect(client.hear() == #"3\#(id)["2.0.0",3]"#) }
        #expect(test.host.status.map(\.version) == ["2.0.0"])
        #expect(test.host.status[0].keptTokens == 0)
        let lines = test.log.lines.compactMap { line in
            line.range(of: ".0.0 ").map { line[line.index($0.lowerBound, offsetBy: -1)...] }
        }
        let life = lines.filter {
            ["created", "saved", "restored", "started", "stopped", "destroyed"].contains($0.dropFirst(6))
        }
        #expect(
            life == [
                "1.0.0 created", "1.0.0 started", "2.0.0 created", "1.0.0 saved", "2.0.0 restored", "2.0.0 started",
                "1.0.0 stopped", "1.0.0 destroyed",
            ])
        await test.stop()
    }

    @Test("a plugin without save is reloaded without state")
    func stateless() async throws {
        let test = try await Self.loaded("NO_SAVE")
        let client = test.client()
        #expect(client.ask(#"20["count"]"#) == #"30["1.0.0",1]"#)
        let report = try await test.host.reload("reload", spec: try Self.version("2.0.0"))
        #expect(report.stateBytes == 0)
        #expect(client.ask(#"21["count"]"#) == #"31["2.0.0",1]"#)
        #expect(test.log.line(with: "2.0.0 restored") == nil)
        await test.stop()
    }

    @Test("the file is loaded again if no other one is named, as often as wanted, and old copies are removed")
    func again() async throws {
        let test = try await Self.loaded()
        let client = test.client()
        for round in 1...20 {
            #expect(client.ask(#"20["count"]"#) == #"30["1.0.0",\#(round)]"#)
            _ = try await test.host.reload("reload")
        }
        #expect(test.host.status[0].generation == 21)
        let folder = try #require(test.host.imageFolder?.path)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
        await test.stop()
    }

    @Test("pointers of sockets are freed by the version that set them")
    func pluginData() async throws {
        let test = try await Self.loaded()
        #expect(test.client().ask(#"20["attach"]"#) == #"30["1.0.0",0]"#)
        _ = try await test.host.reload("reload", spec: try Self.version("2.0.0"))
        let lines = test.log.lines
        let freed = try #require(lines.firstIndex { $0.contains("1.0.0 freed") })
        let destroyed = try #require(lines.firstIndex { $0.contains("1.0.0 destroyed") })
        #expect(freed < destroyed)
        await test.stop()
    }

    @Test("declared timers go on at their times")
    func timers() async throws {
        let test = try await Self.loaded()
        // Each version runs shorter than the interval of 1 s.
        for _ in 1...5 {
            try await Task.sleep(for: .milliseconds(300))
            _ = try await test.host.reload("reload")
        }
        #expect(test.log.line(with: "timer") != nil)
        await test.stop()
    }

    // MARK: What clients cause meanwhile

    @Test("what clients send during the exchange reaches the new version, in order, in every run mode")
    func held() async throws {
        let (test, reload, client) = try await Self.halted("MORE_EVENTS")
        for (id, packet) in [
            #"["count"]"#, #"["inline"]"#, #"["count"]"#, #"["typed","x"]"#, #"["typed",1]"#, #"["new"]"#,
        ].enumerated() {
            client.say("2\(id)\(packet)")
        }
        // The running version does not know this event.
        #expect(client.hear()?.hasPrefix("35[{\"error\":{\"code\":\"unknown_event\"") == true)
        #expect(client.hear(within: 50) == nil)
        let report = try await reload.goOn()
        #expect(report.held == 5)
        #expect(report.pause >= 50_000_000)
        let answers = (0..<5).map { _ in client.hear() ?? "" }
        #expect(answers.contains { $0.hasPrefix("33[{\"error\":{\"code\":\"invalid_arguments\"") })
        #expect(answers.contains { $0.hasPrefix("31[\"2.0.0\",") })
        #expect(
            answers.filter { $0.hasPrefix("30") || $0.hasPrefix("32") || $0.hasPrefix("34") } == [
                #"30["2.0.0",1]"#, #"32["2.0.0",2]"#, #"34["2.0.0",3]"#,
            ])
        #expect(client.ask(#"26["new"]"#) == #"36["2.0.0",4]"#)
        await test.stop()
    }

    @Test("events for the lanes are held, too")
    func lanes() async throws {
        let (test, reload, client) = try await Self.halted()
        client.say(#"20["user"]"#)
        client.say(#"21["key",1]"#)
        client.say(#"22["parallel"]"#)
        _ = try await reload.goOn()
        let answers = [client.hear(), client.hear(), client.hear()].compactMap { $0?.prefix(9) }.sorted()
        #expect(answers == [#"30["2.0.0"#, #"31["2.0.0"#, #"32["2.0.0"#])
        await test.stop()
    }

    @Test("clients that join and leave during the exchange are the new version's", arguments: ["/admit", "/inline"])
    func connections(_ namespace: String) async throws {
        let gate = try Self.gate()
        let test = try TestHost(Self.patient)
        var spec = try Self.version("1.0.0")
        spec.config = gate.config
        try await test.host.load(spec)
        let leaving = test.client(namespace)
        let reload = try await Self.halt(test.host, test.log, gate.path)
        leaving.vanish()
        let joining = TestClient(test.loops[0], joining: namespace)
        let refused = TestClient(test.loops[0], joining: namespace, auth: #"{"no":1}"#)
        #expect(joining.hear(within: 50) == nil)
        _ = try await reload.goOn()
        #expect(joining.hear()?.hasPrefix("0\(namespace),") == true)
        #expect(refused.hear() == #"4\#(namespace),{"message":"2.0.0"}"#)
        #expect(await test.log.waitForLine(with: "2.0.0 connected") != nil)
        #expect(await test.log.waitForLine(with: "2.0.0 disconnected") != nil)
        #expect(test.log.line(with: "1.0.0 disconnected") == nil)
        await test.stop()
    }

    @Test("the new version misses no change of presence")
    func presence() async throws {
        let (test, reload, _) = try await Self.halted()
        test.host.presenceChanged([PresenceChange(user: "bob", isOnline: true, at: 1)])
        _ = try await reload.goOn()
        #expect(await test.log.waitForLine(with: "2.0.0 online") != nil)
        await test.stop()
    }

    @Test("HTTP requests and calls of functions are held, and answered by the new version; streams go on")
    func http() async throws {
        let gate = try Self.gate()
        let serving = try await Serving("reload", config: gate.config)
        let port = serving.port
        @Sendable func ask(_ path: String, _ arguments: String...) throws -> String {
            try Fixture.output("curl", ["-s", "-m", "10"] + arguments + ["http://127.0.0.1:\(port)\(path)"])
        }
        #expect(try ask("/v1/version") == "1.0.0")
        let stream = Task.detached { try ask("/v1/stream") }
        while serving.host.status[0].streams == 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(try ask("/v1/feed") == "1.0.0")
        let reload = try await Self.halt(serving.host, serving.log, gate.path)
        let asked = ["/v1/version", "/v1/inline"].map { path in Task.detached { try ask(path) } }
        #expect(try await reload.goOn().streams == 1)
        for task in asked { #expect(try await task.value == "2.0.0") }
        #expect(try ask("/v1/feed") == "2.0.0")
        #expect(try ask("/v1/finish") == "2.0.0")
        #expect(try await stream.value == "1.0.0\n2.0.0\n")
        #expect(await serving.log.waitForLine(with: "2.0.0 closed 0") != nil)
        #expect(serving.log.line(with: "1.0.0 closed") == nil)
        try await serving.stop()
    }

    @Test("calls of services never fail, and reach one of the two versions")
    func services() async throws {
        let test = try await Self.loaded()
        try await test.host.load(PluginSpec(path: try Fixture.library("caller")))
        let client = test.client()
        #expect(client.ask(#"20["which"]"#) == #"30["1.0.0"]"#)
        let spec = try Self.version("2.0.0")
        let reload = Task.detached { try await test.host.reload("reload", spec: spec) }
        var answers: Set<String> = []
        let end = Clock.monotonicNanoseconds + 60_000_000_000
        while !answers.contains(#"30["2.0.0"]"#), Clock.monotonicNanoseconds < end {
            answers.insert(client.ask(#"20["which"]"#) ?? "")
            answers.insert(client.ask(#"20["quick"]"#) ?? "")
            // Frees the thread for the reload.
            try await Task.sleep(for: .milliseconds(1))
        }
        _ = try await reload.value
        #expect(answers == [#"30["1.0.0"]"#, #"30["2.0.0"]"#])
        #expect(test.log.lines.filter { $0.contains("changed") }.count == 1, "the binding has not noticed the reload")
        await test.stop()
    }

    // MARK: What the running version owes

    @Test("what was accepted before is answered by the running version")
    func queued() async throws {
        let test = try await Self.loaded()
        let client = test.client()
        for id in 0..<3 { client.say("2\(id)[\"slow\"]") }
        client.say(#"23["later"]"#)
        _ = try await test.host.reload("reload", spec: try Self.version("2.0.0"))
        for id in 0..<4 { #expect(client.hear() == #"3\#(id)["1.0.0",0]"#) }
        await test.stop()
    }

    @Test("an answer of a client that the running version waits for reaches it before it stops")
    func pendingAnswer() async throws {
        let test = try await Self.loaded(options: Self.patient)
        let client = test.client()
        client.say(#"2["ask"]"#)
        #expect(client.hear() == #"20["question"]"#)
        let spec = try Self.version("2.0.0")
        let reload = Task.detached { try await test.host.reload("reload", spec: spec) }
        while client.ask(#"21["count"]"#)?.hasPrefix(#"31["2.0.0""#) == false {
            // Frees the thread for the reload.
            try await Task.sleep(for: .milliseconds(1))
        }
        client.say("30[]")
        _ = try await reload.value
        let lines = test.log.lines
        let answered = try #require(lines.firstIndex { $0.contains("1.0.0 answer 0") })
        #expect(answered < (try #require(lines.firstIndex { $0.contains("1.0.0 stopped") })))
        await test.stop()
    }

    @Test("a token that is neither completed nor listed keeps the running version, and the report names it and its age")
    func forgotten() async throws {
        var options = HostOptions()
        options.reloadDeadline = 300
        let test = try await Self.loaded(options: options)
        let client = test.client()
        client.say(#"27["forget"]"#)
        let error = try await Self.failure(of: test, try Self.version("2.0.0"))
        #expect(error.contains("it has not completed 1 kept tokens within 300 ms: the ack 7 of socket "))
        #expect(error.contains(" for 0.") && error.hasSuffix(" s; complete them, or list them in save"))
        #expect(test.log.line(with: "1.0.0 resumed") != nil)
        #expect(client.ask(#"20["count"]"#) == #"30["1.0.0",1]"#)
        await test.stop()
    }

    @Test("a callback that does not return keeps the running version, and the report names it")
    func slow() async throws {
        var options = HostOptions()
        options.reloadDeadline = 300
        let test = try await Self.loaded(options: options)
        let client = test.client()
        for id in 0..<9 { client.say("2\(id)[\"slow\"]") }
        let error = try await Self.failure(of: test, try Self.version("2.0.0"))
        #expect(
            error.contains(
                "it has not finished its queue within 300 ms: the handler of 'slow' of '/' has "))
        for id in 0..<9 { #expect(client.hear() == #"3\#(id)["1.0.0",0]"#) }
        await test.stop()
    }

    // MARK: Failures

    /// The message of a reload that fails.
    private static func failure(of test: TestHost, _ spec: PluginSpec) async throws -> String {
        do {
            _ = try await test.host.reload("reload", spec: spec)
            Issue.record("the reload has not failed")
            return ""
        } catch {
            return "\(error)"
        }
    }

    /// A macro of the new version, what the operator reads, and whether the running version was saved before.
    struct Fault: CustomTestStringConvertible, Sendable {
        let macro: String
        let text: String
        let isSaved: Bool
        var testDescription: String { macro }

        init(_ macro: String, _ text: String, saved: Bool = false) {
            self.macro = macro
            self.text = text
            isSaved = saved
        }
    }

    private static let faults = [
        Fault("REFUSES", "jf_plugin_main returned -1 (JF_E_FAILED"),
        Fault("CREATE_FAILS", "create failed: the store is not reachable"),
        Fault("CREATE_HANGS", "create did not return in time: a plugin has 2000 ms to load; its thread is given up"),
        Fault("NEEDS_NEWER", "needs interface jf.presence/2, this host has jf.presence/1"),
        Fault(#"NAME="other""#, "the file describes plugin 'other', and the running one is 'reload'"),
        Fault(#"ROUTE="/v1/small""#, "route 6: GET /v1/small belongs to plugin 'small'"),
        Fault("BAD_PATTERN", "nsp 4: namespace pattern '^/((': no POSIX extended regular expression"),
        Fault("RESTORE_FAILS", "restore failed: the state has an unknown version", saved: true),
        Fault("RESTORE_HANGS", "restore did not return in time", saved: true),
        Fault(
            "NO_RESTORE", "save of the running version has set a state, and the new version has no restore", saved: true
        ),
        Fault("START_FAILS", "start failed: start has failed", saved: true),
        Fault("START_HANGS", "start did not return in time", saved: true),
    ]

    @Test("a new version that fails leaves the running one in force", arguments: faults)
    func fails(_ fault: Fault) async throws {
        var options = HostOptions()
        options.startDeadline = 2_000
        options.reloadDeadline = 2_000
        let test = try await Self.loaded(options: options)
        try await test.host.load(PluginSpec(path: try Fixture.library("small", named: "small", #"ROUTE="/v1/small""#)))
        let client = test.client()
        #expect(client.ask(#"20["count"]"#) == #"30["1.0.0",1]"#)
        client.say(#"29["keep"]"#)
        for round in 1...3 {
            let error = try await Self.failure(of: test, try Self.version("2.0.0", fault.macro))
            #expect(
                error.contains("was not reloaded, and the running version 1.0.0 goes on: \(fault.text)"), "\(error)")
            #expect(client.ask(#"20["count"]"#) == #"30["1.0.0",\#(round + 1)]"#)
            #expect(test.log.lines.filter { $0.contains("1.0.0 resumed") }.count == (fault.isSaved ? round : 0))
        }
        #expect(test.log.line(with: "1.0.0 stopped") == nil)
        client.say(#"28["release"]"#)
        #expect(client.hear() == #"39["1.0.0",4]"#)
        #expect(client.hear() == #"38["1.0.0",4]"#)
        // A sound version is not hindered by the ones before.
        _ = try await test.host.reload("reload", spec: try Self.version("2.0.0"))
        #expect(client.ask(#"20["count"]"#) == #"30["2.0.0",5]"#)
        await test.stop()
    }

    @Test("what clients sent during an exchange that fails reaches the running version")
    func heldAndFailed() async throws {
        let (test, reload, client) = try await Self.halted("RESTORE_FAILS", "MORE_EVENTS")
        client.say(#"20["count"]"#)
        client.say(#"21["new"]"#)
        client.say(#"22["inline"]"#)
        await #expect(throws: PluginError.self) { try await reload.goOn() }
        // An event of the new version only was unknown all the time.
        #expect(client.hear()?.hasPrefix("31[{\"error\":{\"code\":\"unknown_event\"") == true)
        #expect(Set([client.hear()?.prefix(9), client.hear()?.prefix(9)]) == [#"30["1.0.0"#, #"32["1.0.0"#])
        await test.stop()
    }

    @Test("a save that fails, or sets something wrong, leaves the running version in force")
    func wrongSaves() async throws {
        for (macro, text) in [
            ("SAVE_FAILS", "save failed: nothing can be saved now"),
            ("SAVE_FIELD=saved->state.len=1ull<<40", "save: saved->state has 1099511627776 bytes, more than 67108864"),
            ("SAVE_FIELD=saved->state.ptr=NULL", "save: saved->state is NULL with a length of"),
            ("SAVE_FIELD=saved->token_count=70000", "save: saved->token_count is 70000, more than 65536"),
            (
                "SAVE_FIELD=saved->streams=NULL,saved->stream_count=1",
                "save: saved->streams is NULL, and stream_count 1"
            ),
        ] {
            let test = try await Self.loaded(macro)
            let error = try await Self.failure(of: test, try Self.version("2.0.0"))
            #expect(error.contains(text), "\(error)")
            #expect(test.client().ask(#"20["count"]"#) == #"30["1.0.0",1]"#)
            await test.stop()
        }
    }

    @Test("tokens and streams that were never the plugin's are left out of what is passed on")
    func forged() async throws {
        let test = try await Self.loaded(
            "SAVE_FIELD=static jf_token f[]={0,1,77,1ull<<63|5,~0ull};saved->tokens=f;saved->token_count=5;"
                + "saved->streams=f;saved->stream_count=5")
        let report = try await test.host.reload("reload", spec: try Self.version("2.0.0"))
        #expect(report.tokens == 0)
        #expect(report.streams == 0)
        #expect(test.client().ask(#"20["count"]"#) == #"30["2.0.0",1]"#)
        await test.stop()
    }

    // MARK: Not now

    @Test("a plugin that is being reloaded is not unloaded or reloaded, and one that is not loaded says so")
    func conflicts() async throws {
        let (test, reload, _) = try await Self.halted()
        await #expect(throws: PluginError.self) { try await test.host.unload("reload") }
        let error = try await Self.failure(of: test, try Self.version("2.0.0"))
        #expect(error.contains("is being reloaded already; wait for that"))
        _ = try await reload.goOn()
        await #expect(throws: PluginError.self) { try await test.host.reload("other") }
        #expect(test.log.line(with: "plugin 'other': is not loaded") != nil)
        try await test.host.unload("reload")
        await test.stop()
    }

    @Test("a host that stops during the exchange answers what was held, and stops in time")
    func stopping() async throws {
        let (test, reload, client) = try await Self.halted()
        client.say(#"20["count"]"#)
        client.say(#"21["inline"]"#)
        async let stopped: Void = test.host.shutdown(deadline: 3_000)
        unlink(reload.gate)
        await stopped
        _ = await reload.reload.result
        let answers = [client.hear(), client.hear()].compactMap(\.self)
        #expect(answers.contains { $0.hasPrefix("30[") } && answers.contains { $0.hasPrefix("31[") }, "\(answers)")
        for loop in test.loops { loop.stop() }
    }
}
