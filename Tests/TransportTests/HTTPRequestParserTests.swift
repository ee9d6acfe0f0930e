import Testing

@testable import Transport

@Suite struct HTTPRequestParserTests {
    /// Parses `text` in pieces of `size` bytes; returns the events, with the parts of a body joined.
    private func read(_ text: [UInt8], size: Int = .max, limits: HTTPRequestHead.Limits = .init(bytes: 200, fields: 5))
        -> [String]
    {
        var parser = HTTPRequestParser(limits: limits)
        var found: [String] = []
        var body: [UInt8] = []
        var rest = text[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            piece.withUnsafeBytes { bytes in
                var input = bytes
                while true {
                    switch parser.next(&input) {
                    case .needsMore:
                        #expect(input.isEmpty)
                        return
                    case .head(let head):
                        let fields = head.headers.map { "\($0.name)=\($0.value)" }.joined(separator: "|")
                        found.append(
                            "\(head.string(0..<head.target.range.lowerBound)) \(head.string(head.target.range)) \(fields)\(head.isKeptAlive ? "" : " closes")\(head.asksForUpgrade ? " upgrades" : "")"
                        )
                    case .body(let part): body += Array(part)
                    case .end:
                        found.append("[\(String(decoding: body, as: UTF8.self))]")
                        body = []
                    case .violation(let violation): found.append("\(violation)")
                    }
                }
            }
        }
        return found
    }

    private func read(_ text: String) -> [String] { read(Array(text.utf8)) }

    @Test func `the requests do not depend on how the bytes are cut`() {
        let text = Array(
            """
            \r\nGET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-Blank: \t a b \t\r\n\r\n\
            POST /d HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\
            PUT /e HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n\
            DELETE * HTTP/1.0\r\n\r\n
            """.utf8)
        let expected = [
            "GET /a?b=c host=x|x-empty=|x-blank=a b", "[]", "POST /d content-length=5", "[hello]",
            "PUT /e transfer-encoding=Chunked", "[abc0123456789]",
            "DELETE *  closes", "[]",
        ]
        for size in 1...text.count { #expect(read(text, size: size) == expected, "in pieces of \(size)") }
    }

    @Test(arguments: [
        // Lengths that are repeated, contradicting or malformed.
        "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1, 1\r\n", "Content-Length: +1\r\n",
        "Content-Length: -1\r\n", "Content-Length: 0x1\r\n",
        "Content-Length: \r\n", "Content-Length: 1 1\r\n", "Content-Length: 9999999999999999999\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: identity\r\n",
        // Names and lines that a proxy may read differently.
        "Content-Length : 1\r\n", " Folded: x\r\n", "A: b\r\n folded\r\n", "No colon\r\n", ": no name\r\n",
        "A\0: b\r\n", "A: b\0\r\n", "A: b\rc\r\n", "A: b\nC: d\r\n",
        "Ä: b\r\n", "A: \u{7F}\r\n",
    ])
    func `headers that a proxy may read differently are refused`(fields: String) {
        #expect(read("POST / HTTP/1.1\r\n\(fields)\r\n") == ["malformed"])
    }

    @Test(arguments: [
        "GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/2.0", "GET / http/1.1",
        "GET /a b HTTP/1.1", "GET /", "GET",
        "get / HTTP/1.1", "GET / HTTP/1.1 ", "GET /\t HTTP/1.1", "GET /\0 HTTP/1.1", "G@T / HTTP/1.1",
        "AVERYLONGMETHODINDEED / HTTP/1.1", "GET HTTP/1.1", "GET  HTTP/1.1",
    ])
    func `a malformed request line is refused`(line: String) {
        #expect(read("\(line)\r\n\r\n") == ["malformed"])
    }

    @Test(arguments: [
        "\0\0", "hello", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nA: b\n", "{\"a\":1}", "\u{16}\u{3}\u{1}",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    ])
    func `input that cannot become a request is refused before it is complete`(beginning: String) {
        #expect(read(beginning) == ["malformed"])
    }

    @Test(arguments: [
        "x\r\n", "\r\n", "-1\r\n", "0x1\r\n", " 1\r\nab\r\n", "1 \r\na\r\n", "1;\u{1}\r\na\r\n", "1\nab",
        "FFFFFFFFFFFFFFFF\r\n", "1\r\nabc", "1\r\na\n\n", "0\r\nno trailer\r\n\r\n",
        "0\r\nA : b\r\n\r\n", "1;" + String(repeating: "x", count: 300),
    ])
    func `malformed chunks are refused, wherever they are cut`(chunks: String) {
        let text = Array("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)".utf8)
        for size in [1, 2, 3, text.count] {
            #expect(read(text, size: size).last == "malformed", "in pieces of \(size)")
        }
    }

    @Test func `trailers share one limit, and are refused beyond it`() {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        for count in [20, 195, 196, 197, 198, 199, 200] {
            let trailer = "A: " + String(repeating: "x", count: count - 5) + "\r\n"
            #expect(read(head + trailer + "\r\n").last == "[]", "\(count) bytes")
            #expect(
                read(head + trailer + trailer + String(repeating: trailer, count: 10) + "\r\n").last == "malformed",
                "\(count) bytes, many times")
        }
    }

    @Test func `a head over a limit is distinguished from a malformed one`() {
        let limits = HTTPRequestHead.Limits(bytes: 100, fields: 3)
        func verdict(_ text: String) -> [String] {
            let whole = read(Array(text.utf8), limits: limits)
            #expect(read(Array(text.utf8), size: 1, limits: limits) == whole)
            return whole
        }
        #expect(verdict("GET / HTTP/1.1\r\nA: \(String(repeating: "x", count: 95))\r\n\r\n").count == 2)
        #expect(verdict("GET / HTTP/1.1\r\nA: \(String(repeating: "x", count: 100))\r\n\r\n") == ["tooLarge"])
        #expect(verdict("GET /\(String(repeating: "x", count: 100)) HTTP/1.1\r\n\r\n") == ["tooLarge"])
        #expect(verdict("GET / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\n\r\n").count == 2)
        #expect(verdict("GET / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n") == ["tooLarge"])
        #expect(verdict("GET / HTTP/1.1\r\nA: \(String(repeating: "x", count: 500))") == ["tooLarge"])
    }

    @Test
    func `Connection is read in any case and at any place in a list, for close, keep-alive and upgrade`() {
        #expect(read("GET / HTTP/1.1\r\nCONNECTION: x , Close\r\n\r\n")[0].hasSuffix(" closes"))
        #expect(!read("GET / HTTP/1.1\r\nConnection: closed\r\n\r\n")[0].hasSuffix(" closes"))
        #expect(!read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")[0].hasSuffix(" closes"))
        #expect(
            read("GET / HTTP/1.1\r\nConnection: keep-alive, UPGRADE\r\nupgrade: websocket\r\n\r\n")[0].hasSuffix(
                " upgrades"))
        #expect(
            !read("GET / HTTP/1.1\r\nConnection: keep-alive\r\nUpgrade: websocket\r\n\r\n")[0].hasSuffix(" upgrades"))
        #expect(!read("GET / HTTP/1.1\r\nConnection: Upgrade\r\n\r\n")[0].hasSuffix(" upgrades"))
    }

    @Test func `headers are found by name in any case, the first of several, and no others`() throws {
        let text = Array("GET / HTTP/1.1\r\nX-One: 1\r\nx-one: 2\r\nX-On: 3\r\nX_One: 4\r\n\r\n".utf8)
        let head = try text.withUnsafeBytes { bytes in try HTTPRequestHead.parse(bytes, .init(bytes: 200, fields: 5)) }
        #expect(head["x-one"] == "1")
        var all: [String] = []
        head.forEach("x-one") { all.append(String(decoding: $0, as: UTF8.self)) }
        #expect(all == ["1", "2"])
        #expect(head["x-on"] == "3")
        #expect(head["x-o"] == nil)
        #expect(head.has("x-on", "3") && !head.has("x-on", "33") && !head.has("x", ""))
    }

    private func head(_ text: [UInt8]) throws -> HTTPRequestHead {
        try text.withUnsafeBytes { try HTTPRequestHead.parse($0, .init(bytes: 200, fields: 5)) }
    }

    @Test(arguments: [
        ("/a/b?c=d?e", "/a/b", "c=d?e"), ("/", "/", ""), ("/a?", "/a", ""), ("?a", "", "a"), ("*", "*", ""),
        ("http://x/a?b", "/a", "b"), ("http://x", "/", ""),
        ("http://x?a", "/", ""), ("http:x/a", "http:x/a", ""), ("/http://x/a", "/http://x/a", ""), ("a:", "a:", ""),
    ])
    func `path and query are found in the target, also in an absolute one`(target: String, path: String, query: String)
        throws
    {
        let head = try head(Array("GET \(target) HTTP/1.1\r\n\r\n".utf8))
        #expect(head.string(head.target.path) == path)
        #expect(head.string(head.target.query) == query)
    }

    @Test func `names are lower-cased, and invalid UTF-8 is replaced`() throws {
        let head = try head(
            Array("GET /ä".utf8) + [0xFF] + Array("?ö HTTP/1.1\r\nX-Name_1: Grüße ".utf8) + [0xC3]
                + Array("!\r\nB: c\r\n\r\n".utf8))
        #expect(head.string(head.target.path) == "/ä\u{FFFD}")
        #expect(head.string(head.target.query) == "ö")
        #expect(head.headers.map(\.name) == ["x-name_1", "b"])
        #expect(head.headers.map(\.value) == ["Grüße \u{FFFD}!", "c"])
    }

    @Test func `randomly damaged requests yield the same events in one piece and in many, and never crash`() {
        var random = Xorshift(state: 7)
        let sound = Array(
            "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\nContent-Length: 2\r\n\r\nok"
                .utf8)
        let likely = Array("\r\n :;0aF\0,/x".utf8)
        for _ in 0..<4000 {
            var text = sound
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: text[place] = likely.randomElement(using: &random)!
                case 1: text.remove(at: place)
                default: text.insert(likely.randomElement(using: &random)!, at: place)
                }
            }
            // CR LF CR LF completes the last request. Whether an incomplete one is refused already depends on the cuts.
            let whole = read(text + Array("\r\n\r\n".utf8))
            let cut = read(text + Array("\r\n\r\n".utf8), size: Int.random(in: 1...9, using: &random))
            #expect(whole == cut, "\(String(decoding: text, as: UTF8.self).debugDescription)")
        }
    }
}
