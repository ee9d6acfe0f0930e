import Testing

@testable import EngineIO

@Suite struct SessionPollingTests {
    private let engine = TestEngine()

    @Test func `the handshake is answered with the open packet, exactly`() {
        let poll = FakePoll()
        let handshakeRequest = HandshakeRequest(
            remoteAddress: "", secure: false, uri: "/", issued: 0,
            headers: [(name: "X-A", value: "1"), (name: "x-b", value: "2: 3")])
        let session = engine.table.open(handshakeRequest, answering: poll)
        #expect(
            poll.payload
                == #"0{"sid":"\#(session.id)","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#
        )
        #expect(poll.openedSession == session.id)
        #expect(session.handshakeRequest.headers.map { "\($0.name)=\($0.value)" } == ["X-A=1", "x-b=2: 3"])
    }

    @Test func `a GET waits for packets, and those of one tick come in one answer`() {
        let session = engine.polling()
        let poll = engine.get(session)
        #expect(session.canSendNow)
        session.send("a")
        [UInt8](arrayLiteral: 1, 2, 3).withUnsafeBytes { session.send(binary: $0, compress: true) }
        #expect(poll.payload == nil)
        engine.table.tickEnded()
        #expect(poll.packets == ["4a", "bAQID"])
        #expect(!session.canSendNow)
    }

    @Test func `packets sent between two GETs answer the next one, sixteen at a time`() {
        let session = engine.polling()
        for index in 0..<20 { session.send("\(index)") }
        #expect(engine.get(session).packets?.count == 16)
        #expect(engine.get(session).packets == ["416", "417", "418", "419"])
    }

    @Test func `volatile messages are dropped between two GETs`() {
        let session = engine.polling()
        let message = SharedMessage(textCount: 1, volatile: true) { $0[0] = 0x78 }
        session.send(message)
        let poll = engine.get(session)
        session.send(message)
        engine.table.tickEnded()
        #expect(poll.packets == ["4x"])
    }

    @Test func `a POST's packets are handled before it is answered`() {
        let session = engine.polling()
        engine.recorder.onText = { session.send($0) }
        #expect(engine.post(session, "4a\u{1E}bAQID\u{1E}4b") == .ok)
        #expect(engine.recorder.log == ["a", "binary [1, 2, 3]", "b"])
        #expect(engine.get(session).packets == ["4a", "4b"])
    }

    @Test(arguments: ["0", "3", "3probe", "5", "6"])
    func `a packet without a meaning for the server is ignored over polling`(packet: String) {
        let session = engine.polling()
        #expect(engine.post(session, packet) == .ok)
        #expect(engine.post(session, "4x") == .ok)
        #expect(engine.recorder.log == ["x"])
    }

    @Test func `a second GET is refused, the first gets the close packet, and the session ends`() {
        let session = engine.polling()
        let first = engine.get(session)
        let second = engine.get(session)
        #expect(second.refusal == .violation)
        #expect(first.payload == "1")
        #expect(engine.recorder.log == ["closed: transport error"])
        #expect(engine.table[session.id] == nil)
    }

    @Test func `an abandoned GET that arrives after a newer one ends the session`() {
        let session = engine.polling()
        let next = engine.get(session)
        let givenUp = FakePoll()
        givenUp.wasAbandoned = true
        session.poll(givenUp)
        #expect(next.refusal == .unknown)
        #expect(engine.recorder.log == ["closed: transport error"])
        #expect(engine.table.count == 0)
    }

    @Test func `a second POST is refused and ends the session`() {
        let session = engine.polling()
        let first = Recorder()
        #expect(session.postBegan(first, isBinary: false) == nil)
        #expect(session.postBegan(Recorder(), isBinary: false) == .violation)
        #expect(engine.table[session.id] == nil)
        var body: [UInt8] = [0x34]
        #expect(body.withUnsafeMutableBytes { session.posted(first, body: $0) } == .refused(.unknown))
    }

    @Test func `binary content is refused and ends the session`() {
        let session = engine.polling()
        #expect(session.postBegan(Recorder(), isBinary: true) == .violation)
        #expect(engine.recorder.log == ["closed: transport error"])
    }

    @Test func `a body that is too large does not end the session`() {
        let session = engine.polling()
        let request = Recorder()
        #expect(session.postBegan(request, isBinary: false) == nil)
        session.postRefused(request)
        #expect(engine.post(session, "4x") == .ok)
        #expect(session.isOpen)
    }

    @Test func `a GET or POST whose connection closes ends the session`() {
        let polled = engine.polling()
        let poll = engine.get(polled)
        polled.pollGone(poll)
        #expect(engine.get(polled).refusal == .unknown)
        let posted = engine.polling()
        let request = Recorder()
        _ = posted.postBegan(request, isBinary: false)
        posted.postGone(request)
        #expect(engine.table[posted.id] == nil)
        #expect(engine.recorder.log == ["closed: transport error", "closed: transport error"])
    }

    @Test func `closing the connection of an answered GET does not end the session`() {
        let session = engine.polling()
        let poll = engine.get(session)
        session.send("x")
        engine.table.tickEnded()
        session.pollGone(poll)
        #expect(session.isOpen)
    }

    @Test func `a close packet answers a waiting GET with a noop only`() {
        let session = engine.polling()
        let poll = engine.get(session)
        #expect(engine.post(session, "1") == .ok)
        #expect(poll.payload == "6")
        #expect(engine.recorder.log == ["closed: transport close"])
        #expect(engine.post(session, "4x") == .refused(.unknown))
    }

    @Test(arguments: [("9", "parse error"), ("", "parse error"), ("2", "transport error")])
    func `a bad packet ends the session, and a waiting GET gets the close packet`(packet: String, reason: String) {
        let session = engine.polling()
        let poll = engine.get(session)
        #expect(engine.post(session, packet) == .ok)
        #expect(poll.packets == ["1"])
        #expect(engine.get(session).refusal == .unknown)
        #expect(engine.recorder.log == ["closed: \(reason)"])
    }

    @Test(arguments: [("9", "parse error"), ("", "parse error"), ("2", "transport error")])
    func `a bad packet ends the session, and a waiting GET gets the queued packets without the close packet`(
        packet: String, reason: String
    ) {
        let session = engine.polling()
        engine.recorder.onText = { session.send($0) }
        let poll = engine.get(session)
        #expect(engine.post(session, "4a\u{1E}" + packet + "\u{1E}4b") == .ok)
        #expect(poll.packets == ["4a"])
        #expect(engine.get(session).refusal == .unknown)
        #expect(engine.recorder.log == ["a", "closed: \(reason)"])
    }

    @Test func `a body that is not UTF-8 is refused and ends the session`() {
        let session = engine.polling()
        #expect(engine.post(session, [0x34, 0xFF]) == .refused(.violation))
        #expect(engine.recorder.log == ["closed: parse error"])
    }

    @Test func `a session whose reader lags too far ends at the end of the tick, and is counted`() {
        let engine = TestEngine { $0.maxBufferedOutput = 1000 }
        let session = engine.polling()
        for _ in 0..<100 { session.send("0123456789") }
        #expect(session.isOpen)
        #expect(!session.canSendNow)
        engine.table.tickEnded()
        #expect(engine.recorder.log == ["closed: transport error"])
        #expect(engine.table.counters.overflowed == 1)
        #expect(engine.table.count == 0)
    }

    @Test func `one message larger than the output limit is accepted`() {
        let engine = TestEngine { $0.maxBufferedOutput = 1000 }
        let session = engine.polling()
        session.send(String(repeating: "x", count: 5000))
        #expect(engine.get(session).payload?.utf8.count == 5001)
    }
}
