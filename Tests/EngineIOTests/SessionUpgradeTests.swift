import Testing

@testable import EngineIO

@Suite struct SessionUpgradeTests {
    private let engine = TestEngine {
        $0.pingInterval = 60_000
        $0.pingTimeout = 60_000
    }

    private func probing(_ session: Session) -> FakeWebSocket {
        let output = FakeWebSocket()
        session.webSocketOpened(output)
        engine.say(session, "2probe", over: output)
        #expect(output.drain() == ["3probe"])
        return output
    }

    @Test func `the probe is answered, and a waiting GET ended, at once`() {
        let session = engine.polling()
        let poll = engine.get(session)
        let output = probing(session)
        #expect(poll.payload == "6")
        #expect(session.transport == .polling)
        #expect(session.handshakeRequest.transport == .polling, "what other threads read of it")
        engine.say(session, "5", over: output)
        #expect(session.transport == .websocket)
        #expect(session.handshakeRequest.transport == .websocket)
        engine.say(session, "4hello", over: output)
        #expect(engine.recorder.log == ["hello"])
    }

    @Test func `a GET that comes during the probe is ended by the noop timer`() {
        let session = engine.polling()
        _ = probing(session)
        let poll = engine.get(session)
        engine.pass(99)
        #expect(poll.payload == nil)
        engine.pass(1)
        #expect(poll.payload == "6")
        let next = engine.get(session)
        engine.pass(100)
        #expect(next.payload == "6")
    }

    @Test func `a GET that overtook the upgrade packet is refused like one behind it`() {
        let session = engine.polling()
        let output = probing(session)
        let early = engine.get(session)
        engine.say(session, "5", over: output)
        #expect(early.refusal == .upgraded)
        #expect(engine.get(session).refusal == .upgraded)
        #expect(engine.post(session, "4x") == .refused(.upgraded))
        #expect(session.isOpen)
    }

    @Test func `what was queued goes over the WebSocket in order, once, before what is new`() {
        let session = engine.polling()
        let output = probing(session)
        session.send("1")
        [UInt8](arrayLiteral: 9).withUnsafeBytes { session.send(binary: $0, compress: true) }
        engine.recorder.onText = { session.send($0) }
        engine.say(session, "5", over: output)
        engine.say(session, "42", over: output)
        #expect(output.drain() == ["41", "binary [9]", "42"])
    }

    @Test func `a message during the probe goes to a waiting GET`() {
        let session = engine.polling()
        _ = probing(session)
        let poll = engine.get(session)
        session.send("x")
        engine.table.tickEnded()
        #expect(poll.packets == ["4x"])
    }

    @Test func `a second probe is answered, and an upgrade without a probe accepted`() {
        let session = engine.polling()
        let output = probing(session)
        engine.say(session, "2probe", over: output)
        #expect(output.drain() == ["3probe"])
        let bold = engine.polling()
        let direct = FakeWebSocket()
        bold.webSocketOpened(direct)
        engine.say(bold, "5", over: direct)
        #expect(bold.transport == .websocket)
    }

    @Test(arguments: ["2", "2prob", "4x", "6", "zzz", "", "1", "3", "0"])
    func `any other packet closes the new transport only`(packet: String) {
        let session = engine.polling()
        let output = FakeWebSocket()
        session.webSocketOpened(output)
        engine.say(session, packet, over: output)
        #expect(output.isClosed)
        #expect(session.isOpen)
        #expect(engine.recorder.log.isEmpty)
        _ = probing(session)
    }

    @Test func `binary closes the new transport only`() {
        let session = engine.polling()
        let output = FakeWebSocket()
        session.webSocketOpened(output)
        var bytes: [UInt8] = [1]
        bytes.withUnsafeMutableBytes { session.webSocketReceived(binary: $0, over: output) }
        #expect(output.isClosed)
        #expect(session.isOpen)
    }

    @Test func `a second WebSocket is closed, during the probe and after the upgrade, and the first goes on`() {
        let session = engine.polling()
        let first = probing(session)
        let second = FakeWebSocket()
        session.webSocketOpened(second)
        #expect(second.isClosed)
        engine.say(session, "5", over: second)
        #expect(session.transport == .polling)
        session.webSocketGone(second, reason: .transportClose)
        engine.say(session, "5", over: first)
        let third = FakeWebSocket()
        session.webSocketOpened(third)
        #expect(third.isClosed)
        engine.say(session, "4still", over: first)
        #expect(engine.recorder.log == ["still"])
    }

    @Test func `a probe that goes no further is closed after the upgrade timeout, and another may follow`() {
        let session = engine.polling()
        let output = probing(session)
        engine.pass(10_000)
        #expect(output.isClosed)
        #expect(session.isOpen)
        #expect(engine.timers.count == 1)
        _ = probing(session)
    }

    @Test func `a probe whose connection breaks harms nothing`() {
        let session = engine.polling()
        let output = probing(session)
        session.webSocketGone(output, reason: .transportError)
        #expect(session.isOpen)
        #expect(engine.recorder.log.isEmpty)
        #expect(engine.timers.count == 1)
        _ = probing(session)
    }

    @Test func `a session that ends takes its probe with it`() {
        let session = engine.polling()
        let output = probing(session)
        engine.post(session, "1")
        engine.pass(engine.table.options.closeGracePeriod)
        #expect(output.isClosed)
        #expect(engine.timers.count == 0)
        let other = engine.polling()
        let probe = probing(other)
        other.close(.forcedClose)
        #expect(!probe.isClosed)
        #expect(engine.get(other).packets == ["1"])
        #expect(probe.isClosed)
        #expect(engine.timers.count == 0)
    }

    // A client that was answered `3probe` polls no more: closing the new transport would leave it without any.
    @Test
    func `a session closed during the probe still switches over, and closes the WebSocket behind what was queued`() {
        let session = engine.polling()
        let output = probing(session)
        session.send("last")
        session.close(.forcedClose)
        #expect(engine.recorder.log == ["closed: forced close"])
        #expect(!output.isClosed)
        engine.say(session, "5", over: output)
        #expect(output.drain() == ["4last"])
        #expect(output.isClosed)
        #expect(engine.table.count == 0 && engine.timers.count == 0)
        #expect(engine.recorder.log == ["closed: forced close"])
    }

    @Test
    func `a session closed before the probe answers it, and a wrong packet behind it closes the new transport only`() {
        let session = engine.polling()
        let output = FakeWebSocket()
        session.webSocketOpened(output)
        session.send("last")
        session.close(.forcedClose)
        #expect(engine.get(session).packets == ["4last"])
        engine.say(session, "2probe", over: output)
        engine.say(session, "4late", over: output)
        #expect(output.drain() == ["3probe"])
        #expect(output.isClosed)
        engine.pass(29_999)
        #expect(engine.table.count == 1)
        engine.pass(1)
        #expect(engine.table.count == 0 && engine.timers.count == 0)
    }

    @Test func `a probe that breaks while its session is closing leaves the close packet to the next GET`() {
        let session = engine.polling()
        let output = probing(session)
        session.send("last")
        session.close(.forcedClose)
        session.webSocketGone(output, reason: .transportError)
        #expect(engine.get(session).packets == ["4last"])
        engine.pass(29_999)
        #expect(engine.get(session).packets == ["1"])
        #expect(engine.timers.count == 0)
    }

    @Test func `a session that is closing is not upgraded any more`() {
        let session = engine.polling()
        session.close(.forcedClose)
        let output = FakeWebSocket()
        session.webSocketOpened(output)
        #expect(output.isClosed)
    }

    @Test func `a POST whose body was on its way during the upgrade is refused, and the session lives on`() {
        let session = engine.polling()
        let request = Recorder()
        #expect(session.postBegan(request, isBinary: false) == nil)
        let output = probing(session)
        engine.say(session, "5", over: output)
        var body = Array("4x".utf8)
        #expect(body.withUnsafeMutableBytes { session.posted(request, body: $0) } == .refused(.upgraded))
        #expect(session.isOpen)
        #expect(engine.recorder.log.isEmpty)
    }

    @Test func `the heartbeat goes on over the WebSocket`() {
        let engine = TestEngine()
        let session = engine.polling()
        let output = FakeWebSocket()
        session.webSocketOpened(output)
        engine.say(session, "5", over: output)
        engine.pass(300)
        #expect(output.drain() == ["2"])
    }

    @Test func `the end of the WebSocket ends an upgraded session`() {
        let session = engine.polling()
        let output = probing(session)
        engine.say(session, "5", over: output)
        session.webSocketGone(output, reason: .transportClose)
        #expect(engine.recorder.log == ["closed: transport close"])
        #expect(engine.table.count == 0)
    }
}
