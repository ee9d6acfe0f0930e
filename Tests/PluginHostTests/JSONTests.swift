import Testing

@testable import PluginHost

@Suite("JSON from C")
struct JSONTests {
    @Test("containers are walked in linear time, documents written into a buffer, and faults stay")
    func json() async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("json")))
        #expect(test.client().ask(#"20["check"]"#) == "30[0,0,0,0,0,0,0]", "the lines of json.c that are not as they should be")
        await test.stop()
    }
}
