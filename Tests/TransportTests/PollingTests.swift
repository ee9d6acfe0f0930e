import Testing

@testable import Transport

@Suite(.serialized, .timeLimit(.minutes(2))) struct PollingTests {
    private static let path = "/engine.io/?EIO=4&transport=polling"

    /// Sends one request on a connection of its own; returns the whole answer.
    private static func ask(_ test: TestServer, _ method: String, _ target: String, body: String? = nil) -> String {
        let client = test.client()
        let length = body.map { "Content-Length: \($0.utf8.count)\r\n" } ?? ""
        client.send("\(method) \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(length)\r\n\(body ?? "")")
        return client.readToEnd()
    }

    /// Opens a session; returns its id.
    private static func open(_ test: TestServer) -> String {
        String(ask(test, "GET", path).split(separator: "\"")[3])
    }

    @Test(arguments: ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "FOO"])
    func `methods other than GET and POST on a session are refused, and the session stays`(method: String)
        async throws
    {
        try await TestServer.run { test in
            let session = Self.path + "&sid=" + Self.open(test)
            let answer = Self.ask(test, method, session)
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
            #expect(answer.hasSuffix(#"{"code":2,"message":"Bad handshake method"}"#))
            #expect(Self.ask(test, "HEAD", session).hasPrefix("HTTP/1.1 400 "))
            #expect(Self.ask(test, "POST", session, body: "4still here").hasSuffix("ok"))
            #expect(Self.ask(test, "GET", session).hasSuffix("4still here"))
        }
    }

    @Test func `every answer forbids browsers to guess its type`() async throws {
        try await TestServer.run { test in
            let session = Self.path + "&sid=" + Self.open(test)
            for answer in [
                Self.ask(test, "GET", Self.path), Self.ask(test, "POST", session, body: "4a"),
                Self.ask(test, "GET", session),
                Self.ask(test, "GET", "/engine.io/?EIO=3&transport=polling"), Self.ask(test, "GET", "/hello"),
                Self.ask(test, "GET", "/nothing"),
                Self.ask(test, "HEAD", "/hello"),
            ] {
                #expect(answer.count(of: "X-Content-Type-Options: nosniff\r\n") == 1, "\(answer)")
            }
        }
    }
}
