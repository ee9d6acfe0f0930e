import Testing

@testable import Transport

@Suite struct WebSocketFrameParserTests {
    /// Parses `bytes` in pieces of `size`, and returns the events up to the first violation.
    private func parse(_ bytes: [UInt8], size: Int = .max, max: Int = 1000, deflate: Bool = false) -> [String] {
        var parser = WebSocketFrameParser(maxPayload: max, allowsCompression: deflate)
        var found: [String] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            var piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            piece.withUnsafeMutableBytes { buffer in
                var input = buffer
                reading: while true {
                    switch parser.next(&input) {
                    case .needsMore: break reading
                    case .message(let kind, let payload, let isCompressed):
                        found.append(
                            "\(kind)\(isCompressed ? " compressed" : "") \(kind == .text ? String(decoding: payload, as: UTF8.self) : "\(Array(payload))")"
                        )
                    case .ping(let payload): found.append("ping \(String(decoding: payload, as: UTF8.self))")
                    case .pong: found.append("pong")
                    case .close(let payload): found.append("close \(Array(payload))")
                    case .violation(let violation): found.append("violation \(violation)")
                    }
                }
            }
        }
        return found
    }

    @Test(arguments: [1, 2, 3, 7, 64, Int.max])
    func `the events do not depend on how the bytes are cut`(size: Int) {
        let long = String(repeating: "wörld ", count: 40)
        let bytes =
            ClientFrame.text("hello") + ClientFrame.make(opcode: 2, [1, 2, 3]) + ClientFrame.text("", isFinal: false)
            + ClientFrame.make(opcode: 9, Array("mid".utf8))
            + ClientFrame.make(opcode: 0, Array("frag".utf8), isFinal: false)
            + ClientFrame.make(opcode: 10, []) + ClientFrame.make(opcode: 0, Array("ments".utf8))
            + ClientFrame.text(long)
            + ClientFrame.make(opcode: 9, []) + ClientFrame.text("") + ClientFrame.close(1000)
        #expect(
            parse(bytes, size: size) == [
                "text hello", "binary [1, 2, 3]", "ping mid", "pong", "text fragments", "text \(long)", "ping ",
                "text ", "close [3, 232]",
            ])
    }

    @Test func `all three forms of a frame's length are read`() {
        for count in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            #expect(parse(ClientFrame.make(opcode: 2, payload), max: 70_000) == ["binary \(payload)"])
        }
    }

    @Test(arguments: [
        (ClientFrame.make(opcode: 1, [], rsv: 2), "reservedBits"),
        (ClientFrame.make(opcode: 1, [], rsv: 1), "reservedBits"),
        (ClientFrame.make(opcode: 1, [], rsv: 4), "reservedBits"),
        (ClientFrame.make(opcode: 9, [], rsv: 4), "reservedBits"),
        (ClientFrame.make(opcode: 3, []), "reservedOpcode"), (ClientFrame.make(opcode: 7, []), "reservedOpcode"),
        (ClientFrame.make(opcode: 11, []), "reservedOpcode"), (ClientFrame.make(opcode: 15, []), "reservedOpcode"),
        (ClientFrame.make(opcode: 9, [], isFinal: false), "fragmentedControlFrame"),
        (ClientFrame.make(opcode: 9, [UInt8](repeating: 0, count: 126)), "badControlLength"),
        (ClientFrame.make(opcode: 8, [3]), "badControlLength"),
        (ClientFrame.make(opcode: 1, [0x34], key: nil), "unmasked"),
        (ClientFrame.make(opcode: 0, [0x34]), "unexpectedContinuation"),
        (ClientFrame.text("4", isFinal: false) + ClientFrame.text("4"), "interruptedMessage"),
        (ClientFrame.make(opcode: 1, [], declare: 1001), "tooLarge"),
        (ClientFrame.make(opcode: 2, [], declare: Int.max), "tooLarge"),
        (ClientFrame.make(opcode: 1, [], declare: -1), "tooLarge"), (ClientFrame.close(0), "badCloseCode"),
        (ClientFrame.close(999), "badCloseCode"),
        (ClientFrame.close(1004), "badCloseCode"), (ClientFrame.close(1005), "badCloseCode"),
        (ClientFrame.close(1006), "badCloseCode"),
        (ClientFrame.close(1015), "badCloseCode"), (ClientFrame.close(2999), "badCloseCode"),
        (ClientFrame.close(5000), "badCloseCode"),
        (ClientFrame.make(opcode: 8, [0x03, 0xE8, 0xFF]), "invalidUTF8"),
        (ClientFrame.make(opcode: 1, [0x34, 0xFF]), "invalidUTF8"),
        (ClientFrame.make(opcode: 1, [0xC0, 0x80]), "invalidUTF8"),
        (ClientFrame.make(opcode: 1, [0xED, 0xA0, 0x80]), "invalidUTF8"),
        (ClientFrame.make(opcode: 1, [0x34, 0xE2, 0x82]), "invalidUTF8"),
    ])
    func `a broken rule is a violation, in one piece or byte by byte, and nothing is read after it`(
        bytes: [UInt8], violation: String
    ) {
        let behind = bytes + ClientFrame.text("late")
        #expect(parse(behind).last == "violation \(violation)")
        #expect(parse(bytes, size: 1).last == "violation \(violation)")
    }

    @Test func `the limit counts all fragments`() {
        let sixty = [UInt8](repeating: 0x78, count: 60)
        let frames = ClientFrame.make(opcode: 1, sixty, isFinal: false) + ClientFrame.make(opcode: 0, sixty)
        #expect(parse(frames, max: 100) == ["violation tooLarge"])
        #expect(parse(frames, max: 120).count == 1)
    }

    @Test func `invalid text fails at its first invalid byte, before its frame ends`() {
        let frame = ClientFrame.make(opcode: 1, [0x34, 0xFF, 0x20, 0x20, 0x20])
        #expect(parse(Array(frame.prefix(8)), size: 1) == ["violation invalidUTF8"])
        let fragments =
            ClientFrame.make(opcode: 1, [0xCE, 0xBA], isFinal: false)
            + ClientFrame.make(opcode: 0, [0xF4, 0x90], isFinal: false)
        #expect(parse(fragments) == ["violation invalidUTF8"])
    }

    @Test func `a character may be cut at any byte`() {
        let text = Array("a€😀".utf8)
        for cut in 0...text.count {
            let frames =
                ClientFrame.make(opcode: 1, Array(text[..<cut]), isFinal: false)
                + ClientFrame.make(opcode: 0, Array(text[cut...]))
            #expect(parse(frames) == ["text a€😀"])
        }
    }

    @Test func `RSV1 is allowed on the first frame of a message, if compression was agreed on`() {
        let frames = ClientFrame.make(opcode: 1, [0xFF], isFinal: false, rsv: 4) + ClientFrame.make(opcode: 0, [0xFE])
        #expect(parse(frames, deflate: true).first?.hasPrefix("text compressed") == true)
        let wrong = ClientFrame.make(opcode: 1, [0x34], isFinal: false) + ClientFrame.make(opcode: 0, [0x34], rsv: 4)
        #expect(parse(wrong, deflate: true) == ["violation reservedBits"])
    }

    @Test func `random bytes in random pieces yield the same events as in one piece`() {
        var generator = Xorshift(state: 42)
        for _ in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int(generator.next() % 6) {
                let opcodes: [UInt8] = [0, 1, 1, 2, 8, 9, 10, 0, 3]
                let payload = (0..<Int(generator.next() % 40)).map { _ in UInt8(generator.next() % 160) }
                bytes += ClientFrame.make(
                    opcode: opcodes[Int(generator.next() % 9)], payload, isFinal: generator.next() % 3 > 0,
                    rsv: generator.next() % 20 == 0 ? 4 : 0)
            }
            let whole = parse(bytes, deflate: true)
            let cut = parse(bytes, size: 1 + Int(generator.next() % 9), deflate: true)
            // Bytes behind a violation are not read, so both lists end there.
            #expect(whole == cut)
        }
    }

    @Test func `unmasking works from any offset`() {
        let key = [UInt8](arrayLiteral: 1, 2, 3, 4)
        let word = key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
        for count in 0..<40 {
            for offset in 0..<5 {
                var bytes = [UInt8](repeating: 0, count: count)
                bytes.withUnsafeMutableBytes { WebSocketMask.apply(word, to: $0, offset: offset) }
                #expect(bytes == (0..<count).map { key[($0 + offset) & 3] })
            }
        }
    }
}
