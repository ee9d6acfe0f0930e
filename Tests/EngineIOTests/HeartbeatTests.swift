import Testing

@testable import EngineIO

@Suite struct HeartbeatTests {
    private let options = TestEngine().table.options

    @Test func `the first ping is due an interval after the start`() {
        var heartbeat = Heartbeat.started(at: 1000, options: options)
        #expect(heartbeat.advance(to: 1299, options: options) == .nothing)
        #expect(heartbeat.advance(to: 1300, options: options) == .sendPing)
        #expect(heartbeat == .awaitingPong(until: 1500))
    }

    @Test func `without a pong the heartbeat expires, counted from when the ping was due, not when it was sent`() {
        var heartbeat = Heartbeat.started(at: 0, options: options)
        #expect(heartbeat.advance(to: 309, options: options) == .sendPing)
        #expect(heartbeat.deadline == 500)
        #expect(heartbeat.advance(to: 500, options: options) == .expire)
        #expect(heartbeat == .stopped)
        #expect(heartbeat.deadline == nil)
        #expect(heartbeat.advance(to: 9999, options: options) == .nothing)
    }

    @Test func `after a ping that was sent much too late, the client has the whole timeout to answer`() {
        var heartbeat = Heartbeat.started(at: 0, options: options)
        #expect(heartbeat.advance(to: 3000, options: options) == .sendPing)
        #expect(heartbeat.deadline == 3200)
    }

    @Test func `the next ping is due an interval after the last pong, also after an early or second one`() {
        var heartbeat = Heartbeat.started(at: 0, options: options)
        _ = heartbeat.advance(to: 300, options: options)
        heartbeat.pong(at: 350, options: options)
        #expect(heartbeat == .resting(until: 650))
        heartbeat.pong(at: 360, options: options)
        #expect(heartbeat == .resting(until: 660))
        var stopped = Heartbeat.stopped
        stopped.pong(at: 1, options: options)
        #expect(stopped == .stopped)
    }

    @Test func `a silent session on a WebSocket gets one ping and is then closed`() {
        let engine = TestEngine()
        let (session, output) = engine.webSocket()
        engine.pass(300)
        #expect(output.drain() == ["2"])
        engine.pass(199)
        #expect(session.isOpen)
        engine.pass(1)
        #expect(output.isClosed)
        #expect(engine.recorder.log == ["closed: ping timeout"])
        #expect(engine.table[session.id] == nil)
        #expect(engine.timers.count == 0)
    }

    @Test func `only pongs keep a session open, other packets do not`() {
        let engine = TestEngine()
        let (session, output) = engine.webSocket()
        engine.pass(300)
        engine.say(session, "3", over: output)
        engine.pass(300)
        #expect(output.drain() == ["2", "2"])
        engine.say(session, "4hello", over: output)
        engine.pass(200)
        #expect(engine.recorder.log == ["hello", "closed: ping timeout"])
    }

    @Test func `over polling, the ping answers a GET, and the ping timeout answers the next one with the close packet`()
    {
        let engine = TestEngine()
        let session = engine.polling()
        let first = engine.get(session)
        engine.pass(300)
        #expect(first.payload == "2")
        let second = engine.get(session)
        engine.pass(200)
        #expect(second.payload == "1")
        #expect(engine.get(session).refusal == .unknown)
    }

    @Test func `a session without polls times out as well`() {
        let engine = TestEngine()
        let session = engine.polling()
        engine.pass(500)
        #expect(engine.table[session.id] == nil)
        #expect(engine.recorder.log == ["closed: ping timeout"])
    }
}
