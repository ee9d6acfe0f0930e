import CJackfield
import Foundation
import Presence
import Testing

@testable import PluginHost

/// Plugins that were built against an older or a newer header than the host was.
@Suite("Structures of the header")
struct StructureTests {
    @Test(
        "the host reads the fields that both sides know of a plugin's structure, and refuses unknown ones that are set")
    func passed() async throws {
        let test = try await loaded()
        let client = test.client()
        client.say(#"20["passed"]"#)
        var answer = client.hear()
        while answer == #"2["quiet"]"# { answer = client.hear() }
        #expect(answer == "30[0]", "the line of abi.c that is not as it should be")
        #expect(test.log.line(with: "emit: message->struct_size is 55, less than the 56 of the first release") != nil)
        #expect(
            test.log.line(
                with:
                    "emit: message has 64 bytes, and byte 56 is not 0: a field that this host does not know, which knows 56 bytes"
            ) != nil)
        #expect(test.log.line(with: "emit: message->reserved is 1, not 0") != nil)
        #expect(test.log.line(with: "broadcast: target->flags is 0x9, of which this host does not know all") != nil)
        await test.stop()
    }

    @Test("the host fills the fields that both sides know of a structure in the plugin's memory")
    func filled() async throws {
        let test = try await loaded()
        #expect(test.client().ask(#"20["filled"]"#) == "30[0]", "the line of abi.c that is not as it should be")
        await test.stop()
    }

    @Test("structures passed to callbacks state their size, and their lists state a stride")
    func received() async throws {
        let test = try await loaded(loops: 2)
        let client = test.client(loop: 0)
        let other = test.client(loop: 1, auth: #"{"user":"bob"}"#)
        client.say(#"2["ask"]"#)
        for asked in [client, other] {
            #expect(asked.hear() == #"20["question"]"#)
            asked.say("30[1]")
        }
        #expect(client.ask(#"21["fetch"]"#) == "31[]")
        var line = "32[-1]"
        for _ in 0..<100 where line == "32[-1]" { line = client.ask(#"22["received"]"#) ?? "" }
        #expect(line == "32[0]", "the line of abi.c that is not as it should be")
        await test.stop()
    }

    @Test("declarations of a newer header are read, and refused if an unknown field is set")
    func declarations() async throws {
        let test = try await loaded("LIFE")
        let client = TestClient(test.loops[0], joining: "/sized")
        #expect(client.hear()?.hasPrefix(#"0/sized,{"sid":"#) == true)
        test.host.presenceChanged([PresenceChange(user: "bob", isOnline: true, at: 1)])
        #expect(test.client().ask(#"20["life"]"#) == "30[0]", "the line of abi.c that is not as it should be")
        await #expect(throws: PluginError.self) {
            try await test.host.load(
                PluginSpec(path: try Fixture.library("abi", named: "newer", "EXTRA=1"), name: "newer"))
        }
        #expect(
            test.log.line(with: "plugin 'newer'")?.contains(
                "nsp 1 has 88 bytes, and byte 80 is not 0: a field that this host does not know") == true)
        await test.stop()
    }

    @Test("a structure of an older header is read as zeros where it ends, and a smaller one than the first is refused")
    func older() throws {
        // No structure has grown since the first release, so the test defines one that has.
        struct Grown: SizedStructure, HeaderStructure {
            var struct_size: UInt32 = 0
            var first: UInt32 = 0
            var later: UInt64 = 0
            static var firstSize: Int { 8 }
        }
        var value = Grown(struct_size: 0, first: 1, later: 2)
        func read(_ size: UInt32) throws(HostCallError) -> (UInt32, UInt64) {
            value.struct_size = size
            let result = withUnsafePointer(to: value) { pointer in
                Result { () throws(HostCallError) in try PluginMemory.read(pointer, "value") }
            }
            let read = try result.get()
            return (read.first, read.later)
        }
        #expect(try read(16) == (1, 2))
        #expect(try read(8) == (1, 0))
        #expect(try read(0) == (1, 0))
        #expect(try read(12) == (1, 2), "the half of a field that it covers")
        #expect(throws: HostCallError.self) { try read(7) }

        func fill(_ size: UInt32) throws -> Grown {
            var target = Grown(struct_size: size, first: 7, later: 7)
            let space = withUnsafeMutablePointer(to: &target) { pointer in
                Result { () throws(HostCallError) in try PluginMemory.space(of: pointer, "target") }
            }
            let size = try space.get()
            withUnsafeMutablePointer(to: &target) { PluginMemory.write(value, to: $0, space: size) }
            return target
        }
        for size: UInt32 in [0, 8] {
            let filled = try fill(size)
            #expect(filled.struct_size == 8)
            #expect(filled.first == 1)
            #expect(filled.later == 7, "beyond what the plugin knows")
        }
        #expect(try fill(24).struct_size == 16)
        #expect(throws: HostCallError.self) { try fill(4) }
    }

    @Test("no structure is smaller than it was in the first release")
    func sizes() {
        func check<Structure: HeaderStructure>(_ type: Structure.Type) {
            #expect(MemoryLayout<Structure>.size >= Structure.firstSize, "\(type)")
        }
        check(jf_admission.self)
        check(jf_message.self)
        check(jf_need.self)
        check(jf_plugin.self)
        check(jf_response.self)
        check(jf_target.self)
        check(jf_stream_callbacks.self)
        check(jf_json.self)
        check(jf_json_cursor.self)
        check(jf_json_writer.self)
        check(jf_result.self)
    }

    @Test("an unknown field that is set is refused in each list", arguments: ["service", "function", "emit"])
    func lists(_ list: String) throws {
        let block = UnsafeMutableRawPointer.allocate(byteCount: Int(JF_PLUGIN_SIZE), alignment: 16)
        defer { block.deallocate() }
        block.initializeMemory(as: UInt8.self, repeating: 0, count: Int(JF_PLUGIN_SIZE))
        let plugin = block.bindMemory(to: jf_plugin.self, capacity: 1)
        // Static texts, as the header demands.
        jf_describe(plugin, strdup("newer"), strdup("1.0.0"))
        // One item of 128 bytes, of which only the last is set.
        let item = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 16)
        defer { item.deallocate() }
        item.initializeMemory(as: UInt8.self, repeating: 0, count: 128)
        item.storeBytes(of: 1, toByteOffset: 127, as: UInt8.self)
        switch list {
        case "service":
            plugin.pointee.services = jf_service_list(
                items: item.assumingMemoryBound(to: jf_service_decl.self), count: 1, stride: 128)
        case "function":
            plugin.pointee.functions = jf_function_list(
                items: item.assumingMemoryBound(to: jf_function_decl.self), count: 1, stride: 128)
        default:
            plugin.pointee.emits = jf_emit_list(
                items: item.assumingMemoryBound(to: jf_emit_decl.self), count: 1, stride: 128)
        }
        let problem = #expect(throws: DescriptorReader.Problem.self) {
            try DescriptorReader.read(plugin, socketPath: "/socket.io")
        }
        #expect(
            problem?.text.contains("\(list) 1 has 128 bytes, and byte 127 is not 0: a field that this host does not")
                == true, "\(problem?.text ?? "")")
        #expect(problem?.kind == .incompatible)
    }

    private func loaded(loops: Int = 1, _ macros: String...) async throws -> TestHost {
        let test = try TestHost(loops: loops)
        let library = macros.isEmpty ? try Fixture.library("abi") : try Fixture.library("abi", named: "abi", macros[0])
        try await test.host.load(PluginSpec(path: library))
        return test
    }
}

@Suite("The header")
struct HeaderTests {
    /// A source file that includes only the header.
    private func compile(_ tool: String, _ language: String, _ standard: String) throws {
        let source = try Fixture.file(
            "header.\(language)", Array("#include <jackfield/jackfield.h>\nint nothing;\n".utf8))
        try Fixture.run(
            tool,
            [
                "-std=\(standard)", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I", "\(Fixture.root)/include", "-c",
                "-o", "/dev/null", source,
            ])
    }

    @Test("it compiles alone as C99 and C11, pedantically", arguments: ["c99", "c11"])
    func c(_ standard: String) throws {
        try compile("cc", "c", standard)
    }

    @Test("it compiles alone as C++17, pedantically")
    func cPlusPlus() throws {
        try compile("c++", "cpp", "c++17")
    }
}
