import Foundation
import Testing

@testable import PluginHost

@Suite("Loading")
struct LoadingTests {
    /// The error line for a library at `path` that cannot be loaded.
    private func problem(_ path: String, _ options: HostOptions = HostOptions()) async throws -> PluginError {
        let test = try TestHost(options)
        do throws(PluginError) {
            try await test.host.load(PluginSpec(path: path))
        } catch {
            #expect(
                test.log.lines.filter { $0.hasPrefix("error") } == ["error: \(error)"],
                "errors are logged once, in one line")
            #expect(test.host.status.isEmpty)
            await test.stop()
            return error
        }
        throw Fixture.Failed(description: "\(path) was loaded")
    }

    @Test("the error for a missing library names it and the folders that were searched")
    func missing() async throws {
        var options = HostOptions()
        options.pluginPath = ["/nowhere", "/nothing/"]
        let error = try await problem("rooms", options)
        #expect(error.kind == .missing)
        #expect(
            "\(error)"
                == "plugin 'rooms': there is no rooms.so or librooms.so; looked in /nowhere, /nothing/; to name a file, write a path with a slash"
        )
        #expect(try await problem("./none.so").kind == .missing)
    }

    @Test("a name is looked up as NAME.so in the plugin path")
    func lookup() async throws {
        let path = try Fixture.library("small", named: "lookup")
        var options = HostOptions()
        options.pluginPath = ["/nowhere", String(path[..<path.lastIndex(of: "/")!])]
        let test = try TestHost(options)
        try await test.host.load(PluginSpec(path: String(path.split(separator: "/").last!.dropLast(3))))
        #expect(test.host.status.map(\.name) == ["small"])
        await test.stop()
    }

    @Test("a file that is no library is refused before it is mapped")
    func noLibrary() async throws {
        let text = try await problem(try Fixture.file("text.so", Array("hello".utf8)))
        #expect(text.kind == .notAPlugin)
        #expect(text.problem == "is no ELF file; give the path of a shared library (cc -shared -fPIC)")
        var foreign = try [UInt8](Data(contentsOf: URL(fileURLWithPath: try Fixture.library("small"))))
        foreign[18] = 0xF3
        #expect(
            try await problem(try Fixture.file("foreign.so", foreign)).problem.hasPrefix("is built for another machine")
        )
        #expect(try await problem(try Fixture.file("cut.so", Array(foreign.prefix(40)))).kind == .notAPlugin)
    }

    @Test("a library without jf_plugin_main is refused before its constructors run")
    func noMain() async throws {
        let error = try await problem(try Fixture.library("small", named: "nomain", "NO_MAIN"))
        #expect(error.kind == .notAPlugin)
        #expect(error.problem.contains("exports no function jf_plugin_main"))
    }

    @Test("another ABI is refused with a message")
    func otherABI() async throws {
        let error = try await problem(try Fixture.library("small", named: "abi", "ABI=9"))
        #expect(error.kind == .incompatible)
        #expect(error.problem == "built against JF_ABI 9, this host needs 2: rebuild it")
    }

    @Test("the error for a missing interface names it and the version that the host has")
    func missingInterface() async throws {
        let error = try await problem(try Fixture.library("small", named: "newer", "NEEDS_NEWER"))
        #expect(error.kind == .incompatible)
        #expect(error.problem == "needs interface jf.presence/2, this host has jf.presence/1")
    }

    @Test("the error of a failing create has the plugin's message")
    func failingCreate() async throws {
        let error = try await problem(try Fixture.library("small", named: "create", "CREATE_FAILS"))
        #expect(error.kind == .failed)
        #expect(error.problem == "create failed: the store is not reachable; start it first")
    }

    @Test("a create that hangs is abandoned after its deadline")
    func hangingCreate() async throws {
        var options = HostOptions()
        // A worker process takes some time to start.
        let deadline = TestIsolation.isInProcess ? 1_000 : 5_000
        options.startDeadline = deadline
        let error = try await problem(try Fixture.library("small", named: "hangs", "CREATE_HANGS"), options)
        #expect(error.kind == .timedOut)
        #expect(
            error.problem
                == "create did not return in time: a plugin has \(deadline) ms to load; its thread is given up")
    }

    @Test("the error for a wrong descriptor names the fault and the number of the declaration")
    func badDescriptors() async throws {
        func text(_ name: String, _ macros: String) async throws -> String {
            try await problem(try Fixture.library("small", named: name, macros)).problem
        }
        #expect(try await text("null", "NULL_HANDLER") == "event 2: 'small': handler is NULL")
        #expect(try await text("reserved", "EVENT=\"connect\"") == "event 1: name 'connect' is reserved by Socket.IO")
        #expect(try await text("name", "NAME=\"Rooms!\"") == "name 'Rooms!' must be 1 to 64 of a-z, 0-9 and '-'")
        #expect(try await text("empty", "EMPTY") == "the descriptor is empty: call jf_describe first")
        #expect(
            try await text("size", "DESCRIPTOR=plugin->struct_size=16").hasPrefix("struct_size is 16, less than the"))
        #expect(
            try await text("huge", "DESCRIPTOR=plugin->struct_size=4097").hasPrefix(
                "struct_size is 4097, more than the JF_PLUGIN_SIZE"))
        #expect(
            try await text("stride", "DESCRIPTOR=plugin->events.stride=8").hasPrefix(
                "events: stride is 8, less than the"))
        #expect(
            try await text("garbage", "DESCRIPTOR=plugin->events.stride=0x40000000").hasPrefix(
                "events: stride is 1073741824, more than any"))
        #expect(
            try await text("uncounted", "DESCRIPTOR=plugin->events.count=0").hasPrefix(
                "events: there is a list, but count is 0"))
        #expect(
            try await text("unlisted", "DESCRIPTOR=plugin->events.items=NULL").hasPrefix(
                "events: count is 1, but items is NULL"))
        #expect(
            try await text("flags", "EVENT_FIELD=.flags=6")
                == "event 1: 'small': flags 0x6 are not all known to this host")
        #expect(try await text("run", "EVENT_FIELD=.run=9") == "event 1: 'small': run 9 is no JF_RUN_* of this host")
        #expect(try await text("reserved-field", "EVENT_FIELD=.reserved=1") == "event 1: 'small': reserved is 1, not 0")
        #expect(
            try await text("nsp-reserved", "NSP_FIELD=.name=JF_LIT(\"/a\"),.reserved=1")
                == "nsp 1: '/a': reserved is 1, not 0")
        #expect(
            try await text("nsps", "NSPS=JF_LIT(\"/a\"),JF_LIT(\"b\")")
                == "event 1: 'small': nsp 'b' must begin with '/', or be a pattern that begins with '^'")
        #expect(
            try await text("no-nsps", "EVENT_FIELD=.nsp_count=2")
                == "event 1: nsps: the count is 2, but the list is NULL")
        #expect(try await text("many-nsps", "EVENT_FIELD=.nsp_count=1001") == "event 1: nsps: 1001 are more than 1000")
        #expect(
            try await text("socket-route", "ROUTE=\"/socket.io/x\"").contains(
                "the path is below /socket.io/, where Socket.IO is served"))
    }

    @Test("a descriptor with an unknown field of a newer header is refused, unless the field is zero")
    func newerDescriptor() async throws {
        let error = try await problem(
            try Fixture.library("small", named: "field", "DESCRIPTOR=((char*)plugin)[4000]=1"))
        #expect(error.kind == .incompatible)
        #expect(
            error.problem
                == "byte 4000 of the descriptor is not 0: a field that this host does not know; load it into a newer host"
        )
        let test = try TestHost()
        for size in [0, 4096] {
            try await test.host.load(
                PluginSpec(path: try Fixture.library("small", named: "sized", "DESCRIPTOR=plugin->struct_size=\(size)"))
            )
            try await test.host.unload("small")
        }
        await test.stop()
    }

    @Test("one declaration may serve several namespaces")
    func severalNamespaces() async throws {
        let test = try TestHost()
        let library = try Fixture.library(
            "small", named: "several", "NAMES=JF_LIT(\"/a\"),JF_LIT(\"/b\")", "NSPS=JF_LIT(\"/a\"),JF_LIT(\"/b\")")
        try await test.host.load(PluginSpec(path: library))
        for namespace in ["/a", "/b"] {
            #expect(test.client(namespace).ask(#"2\#(namespace),0["small"]"#) == #"3\#(namespace),0["small"]"#)
        }
        #expect(
            test.client().ask(#"20["small"]"#)
                == #"30[{"error":{"code":"unknown_event","message":"no plugin handles the event"}}]"#,
            "an empty nsp beside a list means none")
        await test.stop()
    }

    @Test("an entry of the configuration names a plugin, so that one file can be loaded twice")
    func names() async throws {
        let test = try TestHost()
        let path = try Fixture.library(
            "small", named: "named", "DESCRIPTOR=plugin->events.count=0,plugin->events.items=NULL")
        try await test.host.load(PluginSpec(path: path, name: "first"))
        try await test.host.load(PluginSpec(path: path, name: "second"))
        #expect(test.host.status.map(\.name) == ["first", "second"])
        await #expect(throws: PluginError.self) { try await test.host.load(PluginSpec(path: path, name: "First!")) }
        #expect(
            test.log.line(with: "the name of this entry in the configuration, 'First!' must be 1 to 64 of a-z") != nil)
        await test.stop()
    }

    @Test("what two plugins claim belongs to the first, and the second one's error names the first")
    func conflicts() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("small", named: "one", "NAME=\"one\"")))
        await #expect(throws: PluginError.self) {
            try await test.host.load(PluginSpec(path: try Fixture.library("small", named: "two", "NAME=\"two\"")))
        }
        #expect(
            test.log.line(with: "plugin 'two'")?.hasSuffix("event 1: 'small' of '/' belongs to plugin 'one'") == true)
        await #expect(throws: PluginError.self) {
            try await test.host.load(PluginSpec(path: try Fixture.library("small", named: "one", "NAME=\"one\"")))
        }
        let line = test.log.line(with: "a plugin of this name is loaded")
        #expect(line?.contains("; give one of them another name with `name:`") == true)
        #expect(test.client().ask(#"20["small"]"#) == #"30["one"]"#)
        await test.stop()
    }

    @Test("a plugin can be unloaded and loaded again as another generation")
    func generations() async throws {
        let test = try TestHost()
        let path = try Fixture.library("small", named: "again")
        let client = test.client()
        #expect(
            client.ask(#"20["small"]"#)
                == #"30[{"error":{"code":"unknown_event","message":"no plugin handles the event"}}]"#)
        for generation in 1...3 {
            try await test.host.load(PluginSpec(path: path))
            #expect(test.host.status.first?.generation == generation)
            #expect(client.ask(#"21["small"]"#) == #"31["small"]"#)
            try await test.host.unload("small")
            #expect(test.host.status.isEmpty)
            #expect(
                client.ask(#"22["small"]"#)
                    == #"32[{"error":{"code":"unknown_event","message":"no plugin handles the event"}}]"#)
        }
        client.say(#"2["small"]"#)
        #expect(test.host.statistics.unknownEvents == 5)
        await #expect(throws: PluginError(.unavailable, plugin: "small", path: nil, "is not loaded")) {
            try await test.host.unload("small")
        }
        await test.stop()
        await #expect(throws: PluginError.self) { try await test.host.load(PluginSpec(path: path)) }
    }

    @Test("every slot of every table is filled, and unknown functions return JF_E_UNSUPPORTED")
    func tables() async throws {
        // `create` of the probe checks every slot and fails if one is empty.
        let test = try await TestHost.withProbe()
        #expect(test.host.status.map(\.version) == ["1.2.3"])
        await test.stop()
        #expect(test.log.line(with: "probe stops") != nil)
        #expect(test.log.line(with: "probe is destroyed") != nil)
    }
}
