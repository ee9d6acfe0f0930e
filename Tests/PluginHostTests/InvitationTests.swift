import Foundation
import Testing

@testable import PluginHost

/// The libraries of the first-party plugins, as they are deployed: rooms bind a service of notifications, late.
@Suite("Invitations")
struct InvitationTests {
    private func spec(_ name: String, _ folder: URL) -> PluginSpec {
        PluginSpec(
            path: Fixture.built("lib\(name).so"), name: name,
            config: Array(#"{"store":"sqlite:\#(folder.appending(path: name).path).db"}"#.utf8))
    }

    @Test("rooms serve before, with, without and again with notifications, in one run of the host")
    func heals() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "jackfield-invitations-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let test = try TestHost()
        try await test.host.load(spec("rooms", folder))
        let alice = test.client(auth: #"{"user":"alice"}"#)
        alice.say(#"21["room:create",{"name":"The lounge"}]"#)
        let created = try #require(alice.hear(within: 5_000))
        let id = try #require(created.firstMatch(of: /"id":"([^"]+)"/)).output.1
        func ask(_ event: String) -> String? {
            alice.say("22[\"\(event)\",{\"room\":\"\(id)\",\"user\":\"bob\"}]")
            var message = alice.hear(within: 5_000)
            // Events, such as room:joined.
            while message?.hasPrefix("32") == false { message = alice.hear(within: 5_000) }
            return message
        }
        #expect(ask("room:join")?.contains(String(id)) == true)
        #expect(ask("room:invite")?.hasSuffix(#""notified":false}]"#) == true)
        for _ in 0..<2 {
            try await test.host.load(spec("notifications", folder))
            #expect(ask("room:invite")?.hasSuffix(#""notified":true}]"#) == true)
            try await test.host.unload("notifications")
            #expect(ask("room:invite")?.hasSuffix(#""notified":false}]"#) == true)
        }
        await test.stop()
    }
}
