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

    @Test func `without a pong it is over, counted from when the ping was due and not from when it went`() {
        var heartbeat = Heartbeat.started(at: 0, options: options)
        #expect(heartbeat.advance(to: 309, options: options) == .sendPing)
        #expect(heartbeat.deadline == 500)
        #expect(heartbeat.advance(to: 500, options: options) == .expire)
        #expect(heartbeat == .stopped)
        #expect(heartbeat.deadline == nil)
        #expect(heartbeat.advance(to: 9999, options: options) == .nothing)
    }

    @Test func `a ping that went out much too late leaves its client the whole time to answer`() {
        var heartbeat = Heartbeat.started(at: 0, options: options)
        #expect(heartbeat.advance(to: 3000, options: options) == .sendPing)
        #expect(heartbeat.deadline == 3200)
    }

    @Test func `the next ping is counted from the last pong, an early and a second one too`() {
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

    @Test func `a silent session on a WebSocket gets one ping and then the end`() {
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

    @Test func `pongs keep a session, other traffic does not`() {
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

    @Test func `on polling the ping is an answer of its own, and the end closes the waiting GET`() {
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

    @Test func `a session that nobody polls is over in time as well`() {
        let engine = TestEngine()
        let session = engine.polling()
        engine.pass(500)
        #expect(engine.table[session.id] == nil)
        #expect(engine.recorder.log == ["closed: ping timeout"])
    }
}
