import Testing

@testable import EngineIO

@Suite struct SessionClosingTests {
    private let engine = TestEngine()

    @Test
    func `closing over polling answers the next GET with the queued packets and the one after with the close packet`() {
        let session = engine.polling()
        session.send("last")
        session.close(.forcedClose)
        #expect(engine.recorder.log == ["closed: forced close"])
        session.send("lost")
        #expect(!session.isOpen)
        #expect(engine.post(session, "4ignored") == .ok)
        #expect(engine.get(session).packets == ["4last"])
        #expect(engine.post(session, "4ignored") == .ok)
        #expect(engine.get(session).packets == ["1"])
        #expect(engine.get(session).refusal == .unknown)
        #expect(engine.recorder.log == ["closed: forced close"])
        #expect(engine.timers.count == 0)
    }

    @Test func `closing over polling answers a waiting GET at once`() {
        let session = engine.polling()
        let poll = engine.get(session)
        session.close(.serverShuttingDown)
        #expect(poll.payload == "1")
        #expect(engine.table.count == 0)
        #expect(engine.recorder.log == ["closed: server shutting down"])
    }

    @Test
    func `closing over polling answers a waiting GET with the queued packets, and the next one with the close packet`()
    {
        let session = engine.polling()
        let poll = engine.get(session)
        session.send("last")
        session.close(.forcedClose)
        engine.table.tickEnded()
        #expect(poll.packets == ["4last"])
        #expect(engine.table.count == 1)
        #expect(engine.get(session).packets == ["1"])
        #expect(engine.table.count == 0 && engine.timers.count == 0)
    }

    @Test func `the close packet waits for a GET for the close timeout, counted from the close`() {
        let session = engine.polling()
        session.send("last")
        session.close(.forcedClose)
        engine.pass(29_000)
        #expect(engine.get(session).packets == ["4last"])
        engine.pass(1_000)
        #expect(engine.get(session).refusal == .unknown)
        #expect(engine.table.count == 0 && engine.timers.count == 0)
    }

    @Test func `more packets than fit into one answer are all sent before the close packet`() {
        let session = engine.polling()
        for index in 0..<17 { session.send("\(index)") }
        session.close(.forcedClose)
        #expect(engine.get(session).packets?.count == 16)
        #expect(engine.get(session).packets == ["416"])
        #expect(engine.get(session).packets == ["1"])
        #expect(engine.table.count == 0)
    }

    @Test func `a session whose close packet is not fetched ends after the close timeout`() {
        let session = engine.polling()
        session.close(.forcedClose)
        engine.pass(29_999)
        #expect(engine.table.count == 1)
        engine.pass(1)
        #expect(engine.table.count == 0)
        #expect(engine.recorder.log == ["closed: forced close"])
    }

    @Test func `a GET that was sent before a close packet but arrives after it is still answered`() {
        let session = engine.polling()
        var isAnswered = false
        #expect(engine.post(session, "4last\u{1E}1") == .held)
        session.onEnd { isAnswered = true }
        #expect(engine.recorder.log == ["last", "closed: transport close"])
        #expect(!session.isOpen && !isAnswered)
        #expect(engine.post(session, "4late") == .refused(.unknown))
        #expect(engine.get(session).packets == ["6"])
        #expect(isAnswered)
        #expect(engine.table.count == 0 && engine.timers.count == 0)
        #expect(engine.recorder.log == ["last", "closed: transport close"])
    }

    @Test func `a close packet is answered after the grace period if no GET comes`() {
        let session = engine.polling()
        var answers = 0
        #expect(engine.post(session, "1") == .held)
        session.onEnd { answers += 1 }
        engine.pass(engine.table.options.closeGracePeriod - 1)
        #expect(answers == 0)
        engine.pass(1)
        #expect(answers == 1)
        #expect(engine.table.count == 0 && engine.timers.count == 0)
        #expect(engine.get(session).refusal == .unknown)
    }

    @Test func `closing a session closes its WebSocket after the buffered output`() {
        let (session, output) = engine.webSocket()
        session.send("last")
        session.close(.forcedClose)
        session.close(.transportError)
        session.abort(.parseError)
        #expect(output.sent == ["4last"])
        #expect(output.isClosed)
        #expect(engine.recorder.log == ["closed: forced close"])
    }

    @Test func `a WebSocket that closes ends its session with the reason given`() {
        let (session, output) = engine.webSocket()
        session.webSocketGone(output, reason: .transportClose)
        #expect(engine.recorder.log == ["closed: transport close"])
        #expect(!output.isClosed)
        #expect(engine.timers.count == 0)
    }

    @Test func `a receiver may close the session while it handles a message, and gets no further one`() {
        let session = engine.polling()
        engine.recorder.onText = { _ in session.close(.forcedClose) }
        #expect(engine.post(session, "4a\u{1E}4b") == .ok)
        #expect(engine.recorder.log == ["a", "closed: forced close"])
    }

    @Test(arguments: [
        ("1", "transport close"), ("2", "transport error"), ("2probe", "transport error"), ("9", "parse error"),
        ("", "parse error"),
    ])
    func `a packet that ends a session ends it on a WebSocket too`(packet: String, reason: String) {
        let (session, output) = engine.webSocket()
        engine.say(session, packet, over: output)
        #expect(output.isClosed)
        #expect(engine.recorder.log == ["closed: \(reason)"])
    }

    @Test(arguments: ["0", "5", "6"])
    func `a packet without a meaning for the server is ignored on a WebSocket too`(packet: String) {
        let (session, output) = engine.webSocket()
        engine.say(session, packet, over: output)
        engine.say(session, "4alive", over: output)
        #expect(engine.recorder.log == ["alive"])
    }

    @Test func `binary messages are sent as base64 to clients that asked for it`() {
        let (session, output) = engine.webSocket(usesBase64: true)
        [UInt8](arrayLiteral: 1, 2, 3).withUnsafeBytes { session.send(binary: $0, compress: true) }
        session.send(SharedMessage(textCount: 1, attachments: [[4]]) { $0[0] = 0x78 })
        #expect(output.sent == ["bAQID", "4x", "bBA=="])
        engine.say(session, "bAQID", over: output)
        #expect(engine.recorder.log == ["binary [1, 2, 3]"])
    }

    @Test func `a session with a slow WebSocket ends at the end of the tick`() {
        let (session, output) = engine.webSocket()
        output.bufferedBytes = engine.table.options.maxBufferedOutput + 1
        session.send("x")
        #expect(session.isOpen)
        engine.table.tickEnded()
        #expect(output.isClosed)
        #expect(output.sent.isEmpty)
        #expect(engine.recorder.log == ["closed: transport error"])
    }

    @Test func `a shared message has the same frames and parts for all receivers`() {
        let message = SharedMessage(textCount: 200, attachments: [[1, 2], [UInt8](repeating: 7, count: 70_000)]) {
            bytes in
            for index in 0..<200 { bytes[index] = 0x61 }
        }
        #expect(Array(message.frames[..<5]) == [0x81, 126, 0, 201, 0x34])
        #expect(message.parts.map(\.range.count) == [201, 2, 70_000])
        #expect(Array(message.frames[(4 + 201)..<(4 + 201 + 4)]) == [0x82, 2, 1, 2])
        #expect(Array(message.frames[(4 + 201 + 4)..<(4 + 201 + 14)]) == [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70])
        #expect(message.frames.count == 4 + 201 + 4 + 10 + 70_000)
    }
}
