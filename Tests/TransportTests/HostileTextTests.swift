import Testing

@testable import Transport

/// Combining marks in an order that Unicode's canonical ordering has to reverse. Comparing or hashing them as a Swift
/// `String` takes time that grows with the square of their number, up to 184 ms for one request.
@Suite(.serialized, .timeLimit(.minutes(2))) struct HostileTextTests {
    private static let marks = String(repeating: "\u{301}", count: 3_900) + String(repeating: "\u{316}", count: 3_900)
    private static let repetitions = 60

    /// The time limit for all repetitions: generous for a busy machine, and a fraction of what normalizing takes.
    private static let maxDuration = Duration.seconds(2)

    private static let websocket =
        "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    private static let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

    @Test(arguments: [
        ("a subprotocol", websocket + key + "Sec-WebSocket-Protocol: \(marks)\r\n\r\n"),
        ("subprotocols", websocket + key + "Sec-WebSocket-Protocol: a,\(marks)\r\n\r\n"),
        ("an extension", websocket + key + "Sec-WebSocket-Extensions: \(marks)\r\n\r\n"),
        (
            "a parameter of an extension",
            websocket + key + "Sec-WebSocket-Extensions: permessage-deflate; \(marks)=1\r\n\r\n"
        ),
        ("the Origin of a WebSocket", websocket + key + "Origin: http://\(marks)\r\n\r\n"),
        (
            "the Host of a WebSocket",
            "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://\(marks)\r\n\(key)\r\n"
        ),
        (
            "the Upgrade",
            "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: \(marks)\r\nConnection: Upgrade\r\n\(key)\r\n"
        ),
        ("the key", websocket + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(marks)\r\n\r\n"),
        (
            "the version",
            websocket + "Sec-WebSocket-Version: \(marks)\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
        ("a Connection", "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close, \(marks)\r\n\r\n"),
        ("the transport", "GET /engine.io/?EIO=4&transport=\(marks) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        (
            "the version of the protocol",
            "GET /engine.io/?transport=polling&EIO=\(marks) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ),
        (
            "a session's id",
            "GET /engine.io/?EIO=4&transport=polling&sid=\(marks) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ),
        (
            "a parameter's name",
            "GET /engine.io/?EIO=4&transport=polling&%20\(marks)=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ),
        (
            "an encoding",
            "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: \(marks), br\r\n\r\n"
        ),
        ("an Origin", "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: \(marks)\r\n\r\n"),
        ("a method", "\(marks) /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ])
    func `a request full of combining marks costs no more than any other`(what: String, request: String) async throws {
        #expect(request.utf8.count < 16_384)
        try await TestServer.run({
            var cors = CORSOptions(origin: .list(["http://\u{e9}.example", "http://one.example"]))
            cors.credentials = true
            $0.cors = cors
            $0.deflate = DeflateOptions()
            $0.httpCompressionThreshold = 0
        }) { test in
            let took = ContinuousClock().measure {
                for _ in 0..<Self.repetitions {
                    let client = test.client()
                    client.send(request)
                    client.read(until: "\r\n\r\n")
                    #expect(client.string.hasPrefix("HTTP/1.1 "))
                }
            }
            #expect(took < Self.maxDuration, "\(what) took \(took / Self.repetitions) each")
        }
    }
}
