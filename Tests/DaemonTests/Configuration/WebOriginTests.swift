import Testing

@testable import Daemon

@Suite("Web origin")
struct WebOriginTests {
    @Test(
        "an origin is serialized as browsers send it",
        arguments: [
            ("http://localhost:3000", "http://localhost:3000", false), ("HTTP://LocalHost", "http://localhost", false),
            ("https://a.example:443/x?y#z", "https://a.example", true), ("http://a:443", "http://a:443", false),
            ("http://[::1]", "http://[::1]", false), ("http://[::1]:8080/", "http://[::1]:8080", true),
            ("capacitor://localhost", "capacitor://localhost", false),
        ])
    func serialized(text: String, serialized: String, hasPath: Bool) throws {
        let origin = try #require(WebOrigin(text))
        #expect(origin.serialized == serialized && origin.hasPath == hasPath)
    }

    @Test(
        "what has no scheme, host or possible port is no origin",
        arguments: [
            "", "localhost", "localhost:3000", "//a", "://a", "http://", "http://:80", "http://a:0", "http://a:x",
            "http://a b", "http://u@a", "1http://a", "http://a,http://b",
        ])
    func refused(text: String) {
        #expect(WebOrigin(text) == nil)
    }
}
