import Synchronization
import Testing

@testable import Transport

@Suite(.serialized, .timeLimit(.minutes(2))) struct HTTPTests {
    @Test func `a request is answered, and the connection stays`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            for _ in 0..<3 {
                client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(
                    client.read(until: "hello")
                        == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 5\r\n\r\nhello"
                )
                client.forget()
            }
        }
    }

    @Test func `pipelined requests are answered in order, even if the first takes longer`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            client.send(
                "GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
            )
            let responder = try await test.application.waitingResponder()
            #expect(!client.read(timeout: 100))
            #expect(responder.respond(status: 200, headers: [], body: Array("first".utf8)))
            #expect(!responder.respond(status: 200, headers: [], body: []))
            let answer = client.read(until: "abc")
            let bodies = ["first", "hello", "abc"].map { answer.range(of: $0) }
            #expect(bodies[0] < bodies[1] && bodies[1] < bodies[2])
        }
    }

    @Test func `all of many pipelined requests are answered, beyond the read-ahead limit`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
            let responder = try await test.application.waitingResponder()
            for _ in 0..<200 { client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n") }
            #expect(!client.read(timeout: 50))
            responder.respond(status: 204, headers: [], body: [])
            while client.string.count(of: "hello") < 200, client.read() {}
            #expect(client.string.count(of: "hello") == 200)
        }
    }

    @Test func `onGone is called when the client closes before its answer is ready`() async throws {
        try await TestServer.run { test in
            var client: RawClient? = test.client()
            client?.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
            let responder = try await test.application.waitingResponder()
            client = nil
            // The loop marks the responder first and calls the handler after it.
            for _ in 0..<100 where !responder.isGone || test.application.gone.load(ordering: .relaxed) == 0 {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(responder.isGone)
            #expect(test.application.gone.load(ordering: .relaxed) == 1)
            #expect(!responder.respond(status: 200, headers: [], body: []))
        }
    }

    @Test func `input that is not HTTP is answered 400, and the connection ends`() async throws {
        try await TestServer.run { test in
            for garbage in [
                "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nA b: c\r\n\r\n",
                "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "\0\0\0\0",
            ] {
                let client = test.client()
                client.send(garbage)
                #expect(client.readToEnd().hasPrefix("HTTP/1.1 400 "))
                #expect(client.isAtEnd)
            }
        }
    }

    @Test(arguments: [
        "GET /hello HTTP/1.1\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        "GET /hello HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: a,b\r\nHost:\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: a@b\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: a:80x\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: ::1\r\n\r\n", "GET /hello HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: \u{212A}\r\n\r\n",
        "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\n\r\n",
        "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ])
    func `a request without exactly one valid Host is answered 400, and the connection ends`(request: String)
        async throws
    {
        try await TestServer.run { test in
            let client = test.client()
            client.send(request + "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.readToEnd().hasPrefix("HTTP/1.1 400 "))
            #expect(client.string.count(of: "HTTP/1.1") == 1)
            let counters = try await test.loops.counters()
            #expect(counters.badRequests == 1)
        }
    }

    @Test(arguments: [
        "Host:\r\n", "Host: a-b_c.example:8080\r\n", "Host: [2001:db8::1%25eth0]:80\r\n", "Host: 127.0.0.1:\r\n",
        "Host: x%20y!$&'()*+,;=\r\n",
    ])
    func `a valid Host is a name, an address or empty, with and without a port`(host: String) async throws {
        try await TestServer.run { test in
            let client = test.client()
            client.send("GET /hello HTTP/1.1\r\n\(host)\r\nGET /hello HTTP/1.0\r\n\r\n")
            #expect(client.readToEnd().count(of: "hello") == 2)
        }
    }

    @Test func `too large headers are answered 431`() async throws {
        try await TestServer.run { test in
            for headers in [
                "X: " + String(repeating: "y", count: 20_000) + "\r\n", String(repeating: "X: y\r\n", count: 200),
            ] {
                let client = test.client()
                client.send("GET /hello HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n")
                #expect(client.readToEnd().hasPrefix("HTTP/1.1 431 "))
            }
        }
    }

    @Test func `a body over the limit is answered 413, announced or not, and the connection stays`() async throws {
        try await TestServer.run({ $0.maxHTTPBody = 10 }) { test in
            let client = test.client()
            client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n10").hasPrefix("HTTP/1.1 413 "))
            client.send(String(repeating: "x", count: 20))
            client.forget()
            client.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabcdefgh\r\n8\r\nabcdefgh\r\n0\r\n\r\n"
            )
            #expect(client.read(until: "\r\n\r\n10").hasPrefix("HTTP/1.1 413 "))
            client.forget()
            client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789")
            #expect(client.read(until: "0123456789").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func `100 Continue is sent to a client that expects it, unless the body is too large`() async throws {
        try await TestServer.run({ $0.maxHTTPBody = 10 }) { test in
            let client = test.client()
            client.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("abc")
            #expect(client.read(until: "abc").contains("200 OK"))
            let other = test.client()
            other.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 30\r\n\r\n")
            #expect(other.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test func `Connection: close and HTTP/1.0 end the connection after the answer`() async throws {
        try await TestServer.run { test in
            for request in [
                "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /hello HTTP/1.0\r\n\r\n",
            ] {
                let client = test.client()
                client.send(request)
                let answer = client.readToEnd()
                #expect(answer.hasSuffix("hello"))
                #expect(answer.contains("Connection: close\r\n"))
                #expect(client.isAtEnd)
            }
        }
    }

    @Test func `a HEAD is answered without its body, and a header cannot end its line early`() async throws {
        try await TestServer.run { test in
            let client = test.client()
            client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /split HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = client.read(until: "X-Good: 1\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 0\r\n\r\n")
            #expect(answer.contains("Content-Length: 5\r\n\r\nHTTP/1.1 200"))
            #expect(!answer.contains("Injected"))
        }
    }

    @Test func `a stream that answers HEAD accepts any number of pieces and sends none`() async throws {
        try await TestServer.run({ $0.maxStreamBuffer = 1_000 }) { test in
            let client = test.client()
            client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            let stream = try await test.application.stream()
            var accepted = 0
            for _ in 0..<400 where accepted < 20 {
                if stream.write([UInt8](repeating: 0x2E, count: 400)) == .accepted { accepted += 1 }
                try await Task.sleep(for: .milliseconds(1))
            }
            #expect(accepted == 20)
            stream.end()
            client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.read(until: "hello").contains("\r\n\r\nHTTP/1.1 200 OK"))
        }
    }

    @Test func `a streamed answer is chunked, and a slow reader makes writes fail`() async throws {
        try await TestServer.run({ $0.maxStreamBuffer = 1000 }) { test in
            let client = test.client(receiveBuffer: 4096)
            client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            let stream = try await test.application.stream()
            #expect(stream.write(Array("one".utf8)) == .accepted)
            client.read(until: "3\r\none\r\n")
            let drained = Atomic<Int>(0)
            stream.onDrain { drained.add(1, ordering: .relaxed) }
            var accepted = 0
            let piece = [UInt8](repeating: 0x78, count: 900)
            for _ in 0..<20_000 {
                switch stream.write(piece) {
                case .accepted: accepted += 1
                case .full: try await Task.sleep(for: .microseconds(200))
                case .gone: Issue.record("gone")
                }
                if accepted > 0, stream.write(piece) == .full { break }
            }
            client.forget()
            for _ in 0..<100 where drained.load(ordering: .relaxed) == 0 {
                client.read(timeout: 20)
            }
            #expect(drained.load(ordering: .relaxed) > 0)
            stream.end()
            #expect(stream.write([1]) == .gone)
            while !client.string.hasSuffix("0\r\n\r\n"), client.read() {}
            client.forget()
            client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.read(until: "hello").hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `connections of too slow clients are closed`() async throws {
        try await TestServer.run({
            $0.headerTimeout = 100
            $0.bodyTimeout = 100
            $0.keepAliveTimeout = 100
        }) { test in
            let silent = test.client()
            #expect(silent.readToEnd().isEmpty)
            #expect(silent.isAtEnd)
            let slow = test.client()
            slow.send("GET /hello HTT")
            #expect(slow.readToEnd().isEmpty)
            let stuck = test.client()
            stuck.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
            #expect(stuck.readToEnd().hasPrefix("HTTP/1.1 408 "))
            let idle = test.client()
            idle.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(idle.readToEnd().hasSuffix("hello"))
            #expect(idle.isAtEnd)
        }
    }

    @Test func `connections beyond the limit are closed, and counted`() async throws {
        try await TestServer.run({ $0.maxConnections = 2 }) { test in
            let first = test.client()
            let second = test.client()
            for client in [first, second] {
                client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                client.read(until: "hello")
            }
            let third = test.client()
            #expect(third.readToEnd().isEmpty)
            #expect(third.isAtEnd)
            let counters = try await test.loops.counters()
            #expect(counters.refusedConnections == 1)
        }
    }
}

extension String {
    /// The offset of `text`; `Int.max` if it does not occur.
    func range(of text: String) -> Int {
        let bytes = Array(utf8)
        let wanted = Array(text.utf8)
        return bytes.indices.first { bytes[$0...].starts(with: wanted) } ?? .max
    }

    func count(of text: String) -> Int {
        split(separator: text, omittingEmptySubsequences: false).count - 1
    }
}

@Suite struct HTTPFieldsTests {
    @Test func `fields are lines, in the order they were added`() {
        var fields = HTTPFields([("A", "b"), ("C-D", "")])
        fields.add(HTTPFields([("E", "f\tg")]))
        #expect(String(decoding: fields.lines, as: UTF8.self) == "A: b\r\nC-D: \r\nE: f\tg\r\n")
    }

    @Test(arguments: [
        ("", "x"), ("A B", "x"), ("A:", "x"), ("A\r\nB", "x"), ("Ä", "x"), ("A", "x\r\nB: c"), ("A", "x\n"),
        ("A", "\0"), ("A", "\u{7F}"),
    ])
    func `a malformed field is left out`(name: String, value: String) {
        var fields = HTTPFields()
        let isAdded = fields.add(name, value)
        #expect(!isAdded)
        #expect(fields.lines.isEmpty)
    }

    @Test func `invalid UTF-8 in a value is replaced`() {
        let fields = ([0x66, 0xFC, 0x72] as [UInt8]).withUnsafeBytes { HTTPFields(contentType: $0) }
        #expect(String(decoding: fields.lines, as: UTF8.self) == "Content-Type: f\u{FFFD}r\r\n")
    }

    @Test func `the characters of a token are those of RFC 9110`() {
        let others = "!#$%&'*+-.^_`|~"
        for byte in UInt8.min...UInt8.max {
            let character = Character(Unicode.Scalar(byte))
            let expected = byte < 128 && (character.isLetter || character.isNumber || others.contains(character))
            #expect(HTTPSyntax.isTokenCharacter(byte) == expected, "byte \(byte)")
        }
    }
}
