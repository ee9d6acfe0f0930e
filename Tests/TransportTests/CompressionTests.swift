import Testing

@testable import Transport

@Suite struct CompressionTests {
    @Test(
        arguments: [
            ("gzip, deflate", "gzip"), ("deflate, gzip", "deflate"), ("br", nil), ("gzip, deflate, br, zstd", "gzip"),
            ("GZIP", "gzip"),
            ("identity", nil), ("gzip;q=0", nil), ("*", "gzip"), ("gzip;q=0.5, deflate;q=0.9", "deflate"),
            ("gzip;q=0, *", "deflate"), ("", nil),
            ("gzip;q=abc", nil), ("gzip;q=", nil), ("gzip;q=1.5, deflate;q=0.9999", "gzip"), ("gzip;q=2", nil),
            ("gzip;x=1;Q=0.001", "gzip"), ("deflate ; q=1 , gzip ; q=0.2", "deflate"),
        ] as [(String, String?)])
    func `the encoding with the client's highest weight is chosen`(header: String, encoding: String?) {
        var negotiation = ContentEncoding.Negotiation()
        header.withBytes { negotiation.add($0) }
        #expect(negotiation.result?.rawValue == encoding)
    }

    @Test(
        arguments: [
            ("permessage-deflate", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
            ("x-webkit-deflate-frame, permessage-deflate, foo", "permessage-deflate"),
            (
                "permessage-deflate; server_max_window_bits=10, permessage-deflate",
                "permessage-deflate; server_max_window_bits=10"
            ),
            ("permessage-deflate; client_max_window_bits=\"10\"", "permessage-deflate; client_max_window_bits=10"),
            ("permessage-deflate; foo=1", nil), ("permessage-deflate; foo=1, permessage-deflate", "permessage-deflate"),
            ("permessage-deflate;;", nil), ("permessage-deflate; server_max_window_bits=16", nil),
            ("permessage-deflate; server_max_window_bits", nil),
            ("permessage-deflate; server_max_window_bits=8", nil),
            ("permessage-deflate; client_max_window_bits=10; client_max_window_bits=11", nil),
            ("permessage-deflate; server_no_context_takeover=1", nil), ("", nil),
        ] as [(String, String?)])
    func `the first acceptable offer of permessage-deflate is accepted`(header: String, answer: String?) {
        #expect(header.withBytes { PermessageDeflate.Agreement.negotiated($0)?.header } == answer)
    }

    @Test(
        arguments: [
            (
                "permessage-deflate; client_max_window_bits",
                "permessage-deflate; client_max_window_bits=12; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11"
            ),
            (
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=15; client_max_window_bits=10; client_no_context_takeover",
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=11; client_max_window_bits=10; client_no_context_takeover"
            ),
            (
                "permessage-deflate; server_max_window_bits=9; client_max_window_bits=15",
                "permessage-deflate; server_max_window_bits=9; client_max_window_bits=12; server_no_context_takeover; client_no_context_takeover"
            ),
            // A client that does not offer client_max_window_bits cannot be asked for it.
            ("permessage-deflate", nil),
        ] as [(String, String?)])
    func `the options are part of the agreement`(header: String, answer: String?) {
        var options = DeflateOptions()
        options.serverNoContextTakeover = true
        options.clientNoContextTakeover = true
        options.serverMaxWindowBits = 11
        options.clientMaxWindowBits = 12
        #expect(header.withBytes { PermessageDeflate.Agreement.negotiated($0, options: options)?.header } == answer)
    }

    private func agreement(_ header: String) -> PermessageDeflate.Agreement { header.withBytes { .negotiated($0)! } }

    @Test(arguments: [
        "permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
        "permessage-deflate; client_max_window_bits=8",
    ])
    func `each side inflates what the other compresses, over many messages`(offer: String) {
        let sender = PermessageDeflate(agreement(offer), options: DeflateOptions())
        // For the other side, the server's and the client's parameters are swapped.
        var mirrored = agreement(offer)
        swap(&mirrored.serverBits, &mirrored.clientBits)
        swap(&mirrored.serverNoTakeover, &mirrored.clientNoTakeover)
        let receiver = PermessageDeflate(mirrored, options: DeflateOptions())
        var generator = Xorshift(state: 3)
        // An empty message behind another is a special case: zlib does not flush twice in a row.
        for size in [0, 1, 5, 0, 100, 1024, 70_000, 3, 300_000, 0] {
            let message = (0..<size).map { _ in UInt8(generator.next() % 7) }
            let compressed = sender.compress(count: size) { $0.copyBytes(from: message) }
            let inflated = compressed.withUnsafeBytes { receiver.inflate($0, limit: 300_000) }
            guard case .inflated(let result) = inflated else {
                Issue.record("\(size) bytes: \(inflated)")
                return
            }
            #expect(result == message)
        }
    }

    @Test func `inflating stops at the limit`() {
        let sender = PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions())
        let bomb = sender.compress(count: 10_000_000) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
        #expect(bomb.count < 20_000)
        let receiver = PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions())
        guard case .tooLarge = bomb.withUnsafeBytes({ receiver.inflate($0, limit: 100_000) }) else {
            Issue.record("a bomb was inflated")
            return
        }
    }

    @Test func `a message that consists of stream ends is corrupt, and costs no more than another`() {
        let receiver = PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions())
        let ends = [UInt8]((0..<1_000_000).map { $0.isMultiple(of: 2) ? 0x03 : 0x00 })
        guard case .corrupt = ends.withUnsafeBytes({ receiver.inflate($0, limit: 1_000_000) }) else {
            Issue.record("half a million stream ends were followed")
            return
        }
        // One is allowed: a sender without context takeover may end its message with it.
        guard
            case .inflated([]) = [UInt8]([0x03, 0x00]).withUnsafeBytes({
                PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions()).inflate($0, limit: 100)
            })
        else {
            Issue.record("one stream end was refused")
            return
        }
    }

    @Test func `garbage is corrupt, and never crashes`() {
        var generator = Xorshift(state: 5)
        for _ in 0..<2000 {
            let receiver = PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions())
            let garbage = (0..<Int(generator.next() % 50)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            _ = garbage.withUnsafeBytes { receiver.inflate($0, limit: 10_000) }
        }
        let receiver = PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions())
        guard case .corrupt = [UInt8](repeating: 0xFF, count: 6).withUnsafeBytes({ receiver.inflate($0, limit: 100) })
        else {
            Issue.record("six bytes FF are no deflate stream")
            return
        }
    }

    @Test func `the accept value is the RFC's example, and keys are checked`() {
        #expect("dGhlIHNhbXBsZSBub25jZQ==".withBytes(WebSocketAcceptKey.value) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect("dGhlIHNhbXBsZSBub25jZQ==".withBytes(WebSocketAcceptKey.isKey))
        #expect(!"c2hvcnQ=".withBytes(WebSocketAcceptKey.isKey))
        #expect(!"".withBytes(WebSocketAcceptKey.isKey))
    }

    private func admits(_ allowed: CORSOptions.Origin, _ origin: String?, host: String?) -> Bool {
        let options = CORSOptions(origin: allowed)
        guard let origin else { return options.admits(origin: nil, host: nil) }
        return origin.withBytes { origin in
            host.map { $0.withBytes { options.admits(origin: origin, host: $0) } }
                ?? options.admits(origin: origin, host: nil)
        }
    }

    @Test func `a WebSocket's origin is admitted if it is listed or the server's own`() {
        let list = CORSOptions.Origin.list(["http://app.example"])
        #expect(admits(list, "http://app.example", host: "h:1"))
        #expect(admits(list, nil, host: "h:1"))
        #expect(admits(list, "http://h:1", host: "h:1"))
        #expect(admits(list, "https://H:1", host: "h:1"))
        #expect(!admits(list, "http://h:2", host: "h:1"))
        #expect(!admits(list, "http://app.example.evil", host: nil))
        #expect(!admits(list, "null", host: nil))
        #expect(!admits(.one("http://app.example"), "http://evil.example", host: nil))
        #expect(admits(.any, "http://evil.example", host: nil))
    }

    @Test(arguments: [
        ("https://example.com", "example.com:443", true), ("https://example.com:443", "example.com", true),
        ("http://example.com", "EXAMPLE.com:80", true),
        ("HTTP://example.com:80", "example.com", true), ("https://[::1]", "[::1]:443", true),
        ("https://example.com", "example.com:80", false),
        ("http://example.com", "example.com:443", false), ("http://example.com", "example.com:8080", false),
        ("https://", ":443", false),
        ("https://example.com.evil", "example.com", false), ("ftp://example.com", "example.com", false),
        ("https://k", "\u{212A}", false),
        ("https://e\u{301}", "\u{E9}", false),
    ])
    func `the default port of a scheme may be written or left out, in the Origin and in Host`(
        origin: String, host: String, isOwn: Bool
    ) {
        #expect(admits(.list([]), origin, host: host) == isOwn)
    }

    @Test func `listed origins are compared byte by byte`() {
        #expect(admits(.list(["http://\u{E9}.example"]), "http://\u{E9}.example", host: nil))
        #expect(!admits(.list(["http://\u{E9}.example"]), "http://e\u{301}.example", host: nil))
        #expect(
            "http://e\u{301}.example".withBytes {
                CORSOptions(origin: .list(["http://\u{E9}.example"])).fields(for: $0).lines
            } == Array("Vary: Origin\r\n".utf8))
    }
}
