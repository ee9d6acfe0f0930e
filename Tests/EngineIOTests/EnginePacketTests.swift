import Testing

@testable import EngineIO

@Suite struct EnginePacketTests {
    private func describe(_ packet: EnginePacket) -> String {
        switch packet {
        case .text(let type, let data): "\(type) \(String(decoding: data, as: UTF8.self))"
        case .binary(let data): "binary \(Array(data))"
        case .malformed: "malformed"
        }
    }

    private func packets(_ payload: String) -> [String] {
        var bytes = Array(payload.utf8)
        return bytes.withUnsafeMutableBytes { buffer in
            var found: [String] = []
            for packet in Payload(buffer) { found.append(describe(packet)) }
            return found
        }
    }

    @Test func `every packet type is read, with and without data`() {
        #expect(
            packets("0\u{1E}1\u{1E}2probe\u{1E}3\u{1E}4x\u{1E}5\u{1E}6") == [
                "open ", "close ", "ping probe", "pong ", "message x", "upgrade ", "noop ",
            ])
    }

    @Test func `an empty packet is malformed at any position`() {
        #expect(packets("") == ["malformed"])
        #expect(packets("\u{1E}4a") == ["malformed", "message a"])
        #expect(packets("4a\u{1E}") == ["message a", "malformed"])
        #expect(packets("4a\u{1E}\u{1E}4b") == ["message a", "malformed", "message b"])
    }

    @Test(arguments: ["7", "9", "x42", " 4", "B"])
    func `an unknown type is malformed`(packet: String) {
        #expect(packets(packet) == ["malformed"])
    }

    @Test(arguments: [
        ("b", "binary []"), ("bAQIDBA==", "binary [1, 2, 3, 4]"), ("bAQIDBA", "binary [1, 2, 3, 4]"),
        ("bA*Q%I!D", "binary [1, 2, 3]"),
        ("b-_-_", "binary [251, 255, 191]"), ("b+/+/", "binary [251, 255, 191]"), ("bAA==garbage", "binary [0]"),
    ])
    func `base64 is decoded as the reference decodes it`(packet: String, content: String) {
        #expect(packets(packet) == [content])
    }

    @Test func `a payload has at most the allowed number of packets, and keeps their order and kinds`() {
        let queue = PacketQueue(account: MemoryAccount())
        for index in 0..<20 {
            let text = "4\(index)"
            queue.append(.text, count: text.utf8.count, compress: false) { $0.copyBytes(from: text.utf8) }
        }
        queue.append(.binary, count: 2, compress: true) { $0.copyBytes(from: [1, 2]) }
        queue.append(.binary, count: 0, compress: true) { _ in }
        var answers: [String] = []
        while !queue.isEmpty {
            let (packets, count, _) = queue.payload(limit: 16)
            var payload = [UInt8](repeating: 0xFF, count: count)
            payload.withUnsafeMutableBytes { queue.dequeue(packets: packets, into: $0) }
            answers.append(String(decoding: payload, as: UTF8.self))
        }
        #expect(answers.count == 2)
        #expect(answers[0] == (0..<16).map { "4\($0)" }.joined(separator: "\u{1E}"))
        #expect(answers[1] == "416\u{1E}417\u{1E}418\u{1E}419\u{1E}bAQI=\u{1E}b")
        #expect(queue.byteCount == 0)
    }

    @Test func `session ids encode their loop, are well formed and differ`() {
        var generator = SystemRandomNumberGenerator()
        var seen: Set<String> = []
        for loop in 0..<64 {
            let id = SessionID.make(loop: loop, using: &generator)
            let text = id.description
            #expect(text.utf8.count == 20)
            #expect(
                text.utf8.allSatisfy {
                    ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D || $0 == 0x5F
                })
            #expect(id.loop == loop)
            #expect(seen.insert(String(text.dropFirst())).inserted)
        }
        #expect(TestEngine.id("__proto__") == nil)
        #expect(TestEngine.id("!bcdefghijklmnopqrst")?.loop == nil)
        #expect(TestEngine.id("Bbcdefghijklmnopqrst")?.loop == 1)
    }
}
