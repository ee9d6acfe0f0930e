import Testing

@testable import Transport

@Suite struct CompressionTests {
    @Test(arguments: [
        ("gzip, deflate", "gzip"), ("deflate, gzip", "deflate"), ("br", nil), ("gzip, deflate, br, zstd", "gzip"), ("GZIP", "gzip"),
        ("identity", nil), ("gzip;q=0", nil), ("*", "gzip"), ("gzip;q=0.5, deflate;q=0.9", "deflate"), ("gzip;q=0, *", "deflate"), ("", nil),
        ("gzip;q=abc", nil), ("deflate ; q=1 , gzip ; q=0.2", "deflate"),
    ] as [(String, String?)])
    func `the encoding that the client likes best is taken`(header: String, encoding: String?) {
        #expect(ContentEncoding.negotiated(header.split(separator: ","))?.rawValue == encoding)
    }

    @Test(arguments: [
        ("permessage-deflate", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
        ("x-webkit-deflate-frame, permessage-deflate, foo", "permessage-deflate"),
        ("permessage-deflate; server_max_window_bits=10, permessage-deflate", "permessage-deflate; server_max_window_bits=10"),
        ("permessage-deflate; client_max_window_bits=\"10\"", "permessage-deflate; client_max_window_bits=10"),
        ("permessage-deflate; foo=1", nil), ("permessage-deflate; foo=1, permessage-deflate", "permessage-deflate"),
        ("permessage-deflate;;", nil), ("permessage-deflate; server_max_window_bits=16", nil), ("permessage-deflate; server_max_window_bits", nil),
        ("permessage-deflate; server_max_window_bits=8", nil), ("permessage-deflate; client_max_window_bits=10; client_max_window_bits=11", nil),
        ("permessage-deflate; server_no_context_takeover=1", nil), ("", nil),
    ] as [(String, String?)])
    func `the first acceptable offer of permessage-deflate is taken`(header: String, answer: String?) {
        #expect(PermessageDeflate.Agreement.negotiated([header])?.header == answer)
    }

    @Test(arguments: [
        ("permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=12; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11"),
        ("permessage-deflate; server_no_context_takeover; server_max_window_bits=15; client_max_window_bits=10; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=11; client_max_window_bits=10; client_no_context_takeover"),
        ("permessage-deflate; server_max_window_bits=9; client_max_window_bits=15",
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=12; server_no_context_takeover; client_no_context_takeover"),
        // Who does not offer client_max_window_bits cannot be asked for it.
        ("permessage-deflate", nil),
    ] as [(String, String?)])
    func `what the options want is part of the agreement`(header: String, answer: String?) {
        var options = DeflateOptions()
        options.serverNoContextTakeover = true
        options.clientNoContextTakeover = true
        options.serverMaxWindowBits = 11
        options.clientMaxWindowBits = 12
        #expect(PermessageDeflate.Agreement.negotiated([header], options: options)?.header == answer)
    }

    private func agreement(_ header: String) -> PermessageDeflate.Agreement { .negotiated([header])! }

    @Test(arguments: [
        "permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=8",
    ])
    func `what one side compresses the other inflates, message after message`(offer: String) {
        let sender = PermessageDeflate(agreement(offer), options: DeflateOptions())
        // Seen from the other side, the server's parameters are the client's.
        var mirrored = agreement(offer)
        swap(&mirrored.serverBits, &mirrored.clientBits)
        swap(&mirrored.serverNoTakeover, &mirrored.clientNoTakeover)
        let receiver = PermessageDeflate(mirrored, options: DeflateOptions())
        var generator = Xorshift(state: 3)
        // An empty message behind another is a case of its own: zlib flushes nothing twice.
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

    @Test func `what would inflate beyond the limit never does`() {
        let sender = PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions())
        let bomb = sender.compress(count: 10_000_000) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
        #expect(bomb.count < 20_000)
        let receiver = PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions())
        guard case .tooLarge = bomb.withUnsafeBytes({ receiver.inflate($0, limit: 100_000) }) else {
            Issue.record("a bomb was inflated")
            return
        }
    }

    @Test func `a message of nothing but stream ends is corrupt, and costs no more than another`() {
        let receiver = PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions())
        let ends = [UInt8]((0..<1_000_000).map { $0.isMultiple(of: 2) ? 0x03 : 0x00 })
        guard case .corrupt = ends.withUnsafeBytes({ receiver.inflate($0, limit: 1_000_000) }) else {
            Issue.record("half a million stream ends were followed")
            return
        }
        // One is allowed: that is how a sender without context takeover may end its message.
        guard case .inflated([]) = [UInt8]([0x03, 0x00]).withUnsafeBytes({
            PermessageDeflate(agreement("permessage-deflate"), options: DeflateOptions()).inflate($0, limit: 100)
        }) else {
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
        guard case .corrupt = [UInt8](repeating: 0xFF, count: 6).withUnsafeBytes({ receiver.inflate($0, limit: 100) }) else {
            Issue.record("six bytes FF are no deflate stream")
            return
        }
    }

    @Test func `the accept value is the RFC's example, and keys are checked`() {
        #expect(WebSocketAccept.value(for: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(WebSocketAccept.isKey("dGhlIHNhbXBsZSBub25jZQ=="))
        #expect(!WebSocketAccept.isKey("c2hvcnQ="))
        #expect(!WebSocketAccept.isKey(""))
    }

    @Test func `a WebSocket's origin is admitted by the list, and the own one always`() {
        let list = CORSOptions(origin: .list(["http://app.example"]))
        #expect(list.admits(origin: "http://app.example", host: "h:1"))
        #expect(list.admits(origin: nil, host: "h:1"))
        #expect(list.admits(origin: "http://h:1", host: "h:1"))
        #expect(list.admits(origin: "https://H:1", host: "h:1"))
        #expect(!list.admits(origin: "http://h:2", host: "h:1"))
        #expect(!list.admits(origin: "http://app.example.evil", host: nil))
        #expect(!list.admits(origin: "null", host: nil))
        #expect(!CORSOptions(origin: .one("http://app.example")).admits(origin: "http://evil.example", host: nil))
        #expect(CORSOptions(origin: .any).admits(origin: "http://evil.example", host: nil))
    }
}
