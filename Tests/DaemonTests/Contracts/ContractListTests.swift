import Foundation
import PluginHost
import Signatures
import Support
import Testing

@testable import Daemon

@Suite("The list of contracts")
struct ContractListTests {
    private func event(
        _ name: ByteString, _ signature: ByteString?, in namespace: ByteString? = "/", isFromServer: Bool = false
    ) throws -> DeclaredEvent {
        DeclaredEvent(
            namespace: namespace, name: name, signature: try signature.map { try Signature($0) },
            isFromServer: isFromServer, plugin: namespace == nil ? nil : "p")
    }

    @Test("it is written as JSON, and read again unchanged")
    func json() throws {
        let list = ContractList(events: [
            try event("watch", "(users: string[])", in: nil), try event("any", nil),
            try event("said", "said(a: i64?) -> bytes", in: "/chat", isFromServer: true),
        ])
        let text =
            #"{"events":[{"namespace":null,"name":"watch","signature":"(users: string[])","from":"client","plugin":null},"#
            + #"{"namespace":"/","name":"any","signature":null,"from":"client","plugin":"p"},"#
            + #"{"namespace":"/chat","name":"said","signature":"said(a: i64?) -> bytes","from":"server","plugin":"p"}]}"#
        #expect(list.json.description == text)
        #expect(try ContractList(parsing: Array(text.utf8)) == list)
    }

    @Test("members that a later version adds are ignored")
    func laterMembers() throws {
        let text = #"{"version":2,"events":[{"name":"a","from":"client","since":"9"}]}"#
        #expect(try ContractList(parsing: Array(text.utf8)).events == [try event("a", nil, in: nil)])
    }

    @Test(
        "what is no list is refused with the place of the error",
        arguments: [
            ("", "it is no JSON: invalid JSON: it ends too early, at byte 0"), ("[]", "it has no list of events"),
            (#"{"events":{}}"#, "it has no list of events"),
            (#"{"events":[{"from":"client"}]}"#, "events[0].name: expected the name of an event"),
            (#"{"events":[{"name":1}]}"#, "events[0].name: expected a string or null"),
            (#"{"events":[{"name":"a","from":"both"}]}"#, #"events[0].from: expected "client" or "server""#),
            (#"{"events":[{"name":"a","from":"client"},4]}"#, "events[1].name: expected the name of an event"),
            (
                #"{"events":[{"name":"a","from":"client","signature":"(a: float64)"}]}"#,
                "events[0].signature: column 5: expected a type, found 'float64'; did you mean 'f64'?"
            ),
        ])
    func refused(text: String, problem: String) {
        #expect(throws: ContractListError(problem)) { try ContractList(parsing: Array(text.utf8)) }
    }

    @Test("an event of every namespace has a type in each namespace that has events, and in \"/\"")
    func everyNamespace() throws {
        let own = try event("watch", "()", in: nil)
        let types = ContractList(events: [own, try event("say", nil, in: "/chat")]).clientTypes
        #expect(types.events.map { "\($0.namespace) \($0.name)" } == ["/ watch", "/chat watch", "/chat say"])
        #expect(ContractList(events: [own]).clientTypes.events.map(\.namespace) == ["/"])
    }

    @Test("a configuration without plugins has the host's own events, each with a signature, and needs no key")
    func ownEvents() async throws {
        let list = try await ContractList(of: Configuration())
        #expect(
            list.events.map { "\($0.isFromServer ? "server" : "client") \($0.name)" }.sorted() == [
                "client auth:refresh", "client presence:unwatch", "client presence:watch", "server auth:expiring",
                "server presence:offline", "server presence:online",
            ])
        #expect(list.events.allSatisfy { $0.signature != nil && $0.namespace == nil && $0.plugin == nil })
    }

    @Test("each plugin that cannot be read is named")
    func unreadable() async throws {
        var configuration = Configuration()
        configuration.plugins = [.init(path: "/nowhere/a.so"), .init(path: "/nowhere/b.so")]
        let error = await #expect(throws: UnreadablePlugins.self) { try await ContractList(of: configuration) }
        let lines = "\(try #require(error))".split(separator: "\n")
        #expect(lines.count == 2 && lines[0].hasPrefix("plugin 'a' (/nowhere/a.so): there is no such file"))
    }

    @Test("settings of auth are neither needed nor reported where no token is verified")
    func ignoresAuth() throws {
        let yaml = "auth: { secret: \"${JWT_SECRET}\", issuer: [1], keyless: true }\nplugins: [rooms]\n"
        var overrides = Configuration.Overrides()
        overrides.ignoresAuth = true
        let configuration = try Configuration.load(yaml: yaml, named: "c.yaml", environment: [:], overrides: overrides)
        #expect(configuration.auth == nil && configuration.plugins.map(\.path) == ["rooms"])
        #expect(throws: ConfigurationProblems.self) {
            try Configuration.load(yaml: yaml + "prt: 1\n", named: "c.yaml", environment: [:], overrides: overrides)
        }
        #expect(throws: ConfigurationProblems.self) {
            try Configuration.load(yaml: yaml, named: "c.yaml", environment: [:])
        }
    }
}
