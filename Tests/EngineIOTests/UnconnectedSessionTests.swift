import Testing

@testable import EngineIO

@Suite struct UnconnectedSessionTests {
    private func handshakeRequest(bytes: Int = 0) -> HandshakeRequest {
        HandshakeRequest(
            remoteAddress: "", secure: false, issued: 0, text: [UInt8](repeating: 0x78, count: bytes)[...], uriCount: 0)
    }

    private func open(_ engine: TestEngine, bytes: Int = 0) -> Session {
        let session = engine.table.open(handshakeRequest(bytes: bytes), answering: FakePoll())
        session.receiver = engine.recorder
        return session
    }

    @Test func `above the limit, the oldest session that joined no namespace is ended`() {
        let engine = TestEngine { $0.maxUnconnectedSessions = 3 }
        let sessions = (0..<5).map { number in
            let session = open(engine)
            // A session that has joined a namespace does not count and stays open.
            if number == 1 { session.joined() }
            return session
        }
        #expect(sessions.map(\.isOpen) == [false, true, true, true, true])
        #expect(engine.recorder.log == ["closed: forced close"])
        #expect(engine.table.counters.displaced == 1)
        #expect(engine.table[sessions[0].id] == nil)
        #expect(engine.table.unconnectedCount == 3)
        engine.table.displace(sessions[1].id)
        engine.table.displace(sessions[0].id)
        #expect(sessions[1].isOpen)
        engine.table.displace(sessions[3].id)
        #expect(!sessions[3].isOpen)
        #expect(engine.table.unconnectedCount == 2)
    }

    @Test func `the requests of sessions that joined no namespace are limited in bytes as well`() {
        let size = handshakeRequest(bytes: 1_000).size
        let engine = TestEngine { $0.maxUnconnectedBytes = 3 * size }
        let sessions = (0..<5).map { _ in open(engine, bytes: 1_000) }
        #expect(sessions.map(\.isOpen) == [false, false, true, true, true])
        // A request larger than the limit is accepted nevertheless: Transport limits the size of a request.
        let large = open(engine, bytes: 10_000)
        #expect(large.isOpen)
        #expect(sessions.allSatisfy { !$0.isOpen })
    }

    @Test func `displaceNewest ends the newest session that joined no namespace`() {
        let engine = TestEngine()
        let sessions = (0..<4).map { _ in open(engine) }
        sessions[3].joined()
        #expect(engine.table.displaceNewest() == sessions[2].handshakeRequest.size)
        #expect(engine.table.displaceNewest() != nil)
        #expect(sessions.map(\.isOpen) == [true, false, false, true])
        #expect(engine.table.displaceNewest() != nil)
        #expect(engine.table.displaceNewest() == nil)
        #expect(sessions[3].isOpen)
    }

    @Test func `the list removes sessions that joined or ended`() {
        let engine = TestEngine { $0.maxUnconnectedSessions = 10 }
        var unconnected: [Session] = []
        for round in 0..<5_000 {
            let session = open(engine)
            switch round % 3 {
            case 0: session.joined()
            case 1: session.abort(.forcedClose)
            default: unconnected.append(session)
            }
            #expect(engine.table.unconnected.listed <= 64 + 2 * 11)
        }
        #expect(unconnected.suffix(9).allSatisfy { $0.isOpen })
        #expect(unconnected.dropLast(10).allSatisfy { !$0.isOpen })
    }

    @Test func `the memory of sessions is charged, and credited when they end`() {
        let engine = TestEngine()
        let account = engine.table.account
        let session = open(engine, bytes: 500)
        #expect(account.held == session.handshakeRequest.size)
        session.send("hello")
        Array("data".utf8).withUnsafeBytes { session.send(binary: $0, compress: false) }
        let waiting = 6 + 4 + 2 * PacketQueue.costPerPacket
        #expect(account.held == session.handshakeRequest.size + waiting)
        engine.get(session)
        #expect(account.held == session.handshakeRequest.size)
        session.send("more")
        session.abort(.forcedClose)
        #expect(account.held == 0)
        // The memory of a queue that is sent over a WebSocket is credited as well.
        let other = open(engine)
        let output = FakeWebSocket()
        other.webSocketOpened(output)
        engine.say(other, "2probe", over: output)
        other.send("queued")
        engine.say(other, "5", over: output)
        #expect(output.drain() == ["3probe", "4queued"])
        #expect(account.held == other.handshakeRequest.size)
        other.close(.forcedClose)
        #expect(account.held == 0)
    }

    @Test func `a loop's account is published when it has changed enough, and reports when the budget is exceeded`() {
        let budget = MemoryBudget(limit: 256_000)
        let (one, other) = (MemoryAccount(of: budget), MemoryAccount(of: budget))
        var exceeded = 0
        one.onExceeded = { exceeded += 1 }
        one.charge(999)
        #expect(budget.used == 0)
        one.charge(1)
        #expect(budget.used == 1_000)
        other.charge(255_000)
        #expect(!budget.isExceeded)
        one.charge(1_000)
        #expect(exceeded == 1)
        #expect(budget.isExceeded)
        other.charge(-255_000)
        one.charge(-2_000)
        #expect(budget.used == 0)
        one.charge(-1)
        one.publish()
        #expect(budget.used == -1)
    }
}
