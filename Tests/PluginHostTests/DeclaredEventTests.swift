import Signatures
import Support
import Testing

@testable import PluginHost

@Suite("Declared events")
struct DeclaredEventTests {
    private func typed() throws -> PluginSpec {
        PluginSpec(path: try Fixture.build("\(Fixture.root)/Tests/Fixtures/types/typed.c", as: "typed"))
    }

    /// `/ add(a: f64, b: f64) -> f64 from client`.
    private func shown(_ events: [DeclaredEvent]) -> [String] {
        events.map {
            "\($0.namespace?.text ?? "*") \($0.name) \($0.signature?.description ?? "-") \($0.isFromServer ? "server" : "client") \($0.plugin?.text ?? "-")"
        }
    }

    @Test(
        "events, functions and emits are found without running the plugin; observers and handlers for every name are not"
    )
    func inspected() async throws {
        let test = try TestHost()
        test.host.registerBuiltin("own", signature: try Signature("(a: i32)")) { _, _ in }
        test.host.declareBuiltinEmit("told", signature: try Signature("(b: string)"))
        let (events, problems) = await test.host.inspect([try typed()])
        #expect(problems.isEmpty)
        let lines = shown(events)
        #expect(Array(lines.prefix(2)) == ["* own (a: i32) client -", "* told (b: string) server -"])
        #expect(
            Array(lines.suffix(6)) == [
                "/ untyped - client typed", "/chat say (text: string) -> {id: u64} client typed",
                "/ add add(a: f64, b: f64) -> f64 client typed",
                "/ changed (place: {id: string, note: string?}, by: string) server typed",
                "/ ask (question: string) -> bool server typed",
                "/chat said (message: {id: u64, text: string}) server typed",
            ])
        #expect(lines.count == 15)
        #expect(shown(test.host.declaredEvents) == Array(lines.prefix(2)), "an inspected plugin is not in force")
        await test.stop()
    }

    @Test("the events of sound plugins are found beside a missing one, which is reported with its index")
    func missing() async throws {
        let test = try TestHost()
        let (events, problems) = await test.host.inspect([PluginSpec(path: "/nowhere/gone.so"), try typed()])
        #expect(problems.map(\.index) == [0] && problems.first?.error.kind == .missing)
        #expect(events.contains { $0.name == "add" })
        await test.stop()
    }

    @Test("an event that is emitted with two signatures in one namespace is a conflict, whatever the parameters' names")
    func conflicts() throws {
        func event(
            _ plugin: ByteString?, _ namespace: ByteString?, _ name: ByteString, _ signature: String,
            _ server: Bool = true
        )
            throws -> DeclaredEvent
        {
            DeclaredEvent(
                namespace: namespace, name: name, signature: try Signature(ByteString(signature)), isFromServer: server,
                plugin: plugin)
        }
        let found = EmitConflict.all(in: [
            try event(nil, nil, "told", "(b: string)"), try event("a", "/", "news", "(id: i64)"),
            try event("a", "/", "same", "(id: i64)"), try event("b", "/", "same", "(number: i64)"),
            try event("b", "/chat", "news", "(id: string)"), try event("b", "/", "news", "(id: i64)", false),
            try event("b", "/", "news", "(id: string)"), try event("c", "/chat", "told", "()"),
        ])
        #expect(
            found.map(\.description) == [
                "event 'news' of '/' has two signatures: plugin 'a' emits '(id: i64)', plugin 'b' emits '(id: string)'",
                "event 'told' of '/chat' has two signatures: the host emits '(b: string)', plugin 'c' emits '()'",
            ])
    }

    @Test("the events of a plugin are declared while it is in force")
    func inForce() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("small", named: "small")))
        #expect(shown(test.host.declaredEvents).allSatisfy { $0.hasSuffix(" - client small") })
        #expect(!test.host.declaredEvents.isEmpty)
        try await test.host.unload("small")
        #expect(test.host.declaredEvents.isEmpty)
        await test.stop()
    }
}
