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

    @Test func `the probe and a waiting GET are answered at once`() {
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

    @Test func `a GET that comes during the probe is answered by the noop timer`() {
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

    @Test func `a GET that overtook the upgrade packet is refused like one after it`() {
        let session = engine.polling()
        let output = probing(session)
        let early = engine.get(session)
        engine.say(session, "5", over: output)
        #expect(early.refusal == .upgraded)
        #expect(engine.get(session).refusal == .upgraded)
        #expect(engine.post(session, "4x") == .refused(.upgraded))
        #expect(session.isOpen)
    }

    @Test func `queued packets are sent over the WebSocket in order, once, before new ones`() {
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
    func `another packet closes the new transport only`(packet: String) {
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

    @Test func `a second WebSocket is closed during the probe and after the upgrade, and the first stays open`() {
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

    @Test func `a probe without an upgrade is closed after the upgrade timeout, and another may follow`() {
        let session = engine.polling()
        let output = probing(session)
        engine.pass(10_000)
        #expect(output.isClosed)
        #expect(session.isOpen)
        #expect(engine.timers.count == 1)
        _ = probing(session)
    }

    @Test func `a probe whose connection breaks does not affect the session`() {
        let session = engine.polling()
        let output = probing(session)
        session.webSocketGone(output, reason: .transportError)
        #expect(session.isOpen)
        #expect(engine.recorder.log.isEmpty)
        #expect(engine.timers.count == 1)
        _ = probing(session)
    }

    @Test func `a session that ends closes its probing WebSocket`() {
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

    // After `3probe` a client does not poll again, so closing the new transport would leave it without a transport.
    @Test
    func `a session closed during the probe still switches over, and closes the WebSocket after the queued packets`() {
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
    func `a session closed before the probe answers it, and a wrong packet after it closes the new transport only`() {
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

    @Test
    func `if a probe breaks while its session is closing, the next GETs get the queued packets and the close packet`() {
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

    @Test func `a closing session does not begin an upgrade`() {
        let session = engine.polling()
        session.close(.forcedClose)
        let output = FakeWebSocket()
        session.webSocketOpened(output)
        #expect(output.isClosed)
    }

    @Test func `a POST whose body arrives after the upgrade is refused, and the session stays open`() {
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

    @Test func `the heartbeat continues over the WebSocket`() {
        let engine = TestEngine()
        let session = engine.polling()
        let output = FakeWebSocket()
        session.webSocketOpened(output)
        engine.say(session, "5", over: output)
        engine.pass(300)
        #expect(output.drain() == ["2"])
    }

    @Test func `closing the WebSocket ends an upgraded session`() {
        let session = engine.polling()
        let output = probing(session)
        engine.say(session, "5", over: output)
        session.webSocketGone(output, reason: .transportClose)
        #expect(engine.recorder.log == ["closed: transport close"])
        #expect(engine.table.count == 0)
    }
}
