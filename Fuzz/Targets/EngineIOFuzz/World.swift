import FuzzSupport

@testable import EngineIO

/// A table of sessions with its timer wheel, and the peers of the sessions.
final class World {
    private let table: SessionTable
    private var peers: [Peer] = []
    private let maxBuffered = 4_096

    init() {
        var options = EngineOptions()
        options.maxBufferedOutput = maxBuffered
        table = SessionTable(options: options, timers: TimerWheel(now: 1_000), loop: 3)
    }

    // MARK: - Actions

    func step(_ script: inout ByteScript) {
        let act = script.number(below: 24)
        switch act {
        case 0: openPolling()
        case 1: openWebSocket(usesBase64: script.bool())
        case 2: return advance(by: [1, 99, 100, 4_999, 10_000, 20_000, 25_000, 30_001][script.number(below: 8)])
        case 3: return table.tickEnded()
        default:
            guard !peers.isEmpty else { return }
            let peer = peers[script.number(below: peers.count)]
            if act < 14 { clientActs(act, peer, &script) } else { serverActs(act, peer, &script) }
        }
    }

    private func openPolling() {
        guard peers.count < 8 else { return }
        let peer = Peer()
        peers.append(peer)
        let poll = FakePoll(peer)
        adopt(table.open(handshakeRequest, answering: poll), peer)
        require(poll.isOver, "a handshake is answered at once")
    }

    private func openWebSocket(usesBase64: Bool) {
        guard peers.count < 8 else { return }
        let peer = Peer()
        peers.append(peer)
        let output = FakeWebSocket(peer)
        peer.webSockets.append(output)
        adopt(table.open(handshakeRequest, over: output, usesBase64: usesBase64), peer)
    }

    private func adopt(_ session: Session, _ peer: Peer) {
        peer.session = session
        session.receiver = peer
        require(table[session.id] === session, "a session is found by its id")
    }

    private let handshakeRequest = HandshakeRequest(
        remoteAddress: "127.0.0.1", secure: false, uri: "/socket.io/?EIO=4", issued: 0,
        headers: [(name: "Host", value: "127.0.0.1")])

    private func clientActs(_ act: Int, _ peer: Peer, _ script: inout ByteScript) {
        // As in Transport, which looks up the session in the table for each request.
        guard let session = peer.session, table[session.id] != nil else { return }
        switch act {
        case 4, 5:
            let poll = FakePoll(peer)
            peer.polls.append(poll)
            session.poll(poll)
        case 6:
            guard let poll = peer.polls.last, !poll.isOver else { return }
            poll.vanish()
            session.pollGone(poll)
        case 7:
            let post = Peer.Posted()
            if session.postBegan(post, isBinary: script.number(below: 8) == 7) == nil { peer.post = post }
        case 8:
            guard let post = peer.post else { return }
            peer.post = nil
            withExactCopy(of: script.bytes()) { _ = session.posted(post, body: $0) }
        case 9:
            guard let post = peer.post else { return }
            peer.post = nil
            if script.bool() { session.postGone(post) } else { session.postRefused(post) }
        case 10:
            guard peer.webSockets.count < 16 else { return }
            let output = FakeWebSocket(peer)
            peer.webSockets.append(output)
            session.webSocketOpened(output)
        case 11, 12:
            // The WebSocket parser has checked that text is UTF-8.
            let text = Array(String(decoding: script.bytes(), as: UTF8.self).utf8)
            guard let output = peer.webSockets.last, !output.isClosed else { return }
            withExactCopy(of: text) { session.webSocketReceived(text: $0, over: output) }
        case 13:
            guard !peer.webSockets.isEmpty else { return }
            let output = peer.webSockets[script.number(below: peer.webSockets.count)]
            let data = script.bytes()
            if data.isEmpty {
                output.vanish()
                session.webSocketGone(output, reason: .transportClose)
            } else if !output.isClosed {
                withExactCopy(of: data) { session.webSocketReceived(binary: $0, over: output) }
            }
        default: break
        }
    }

    private func serverActs(_ act: Int, _ peer: Peer, _ script: inout ByteScript) {
        switch act {
        case 14, 15:
            // Socket.IO's texts are JSON, in which U+001E is always escaped.
            let text = peer.willSend(.text, script.bytes().filter { $0 != EnginePacket.separator })
            peer.session?.send(textCount: text.count, compress: true) { $0.copyBytes(from: text) }
        case 16:
            let data = peer.willSend(.binary, script.bytes())
            data.withUnsafeBytes { peer.session?.send(binary: $0, compress: false) }
        case 17, 18: sendShared(to: peer, &script)
        case 19: peer.session?.close([.forcedClose, .serverShuttingDown][script.number(below: 2)])
        case 20: peer.session?.abort(.transportError)
        case 21:
            guard let output = peer.webSockets.last else { return }
            output.bufferedBytes = script.number(below: 3) * maxBuffered
        case 22: sendLarge(to: peer)
        default:
            require(
                peer.session?.canSendNow != true || peer.session?.isOpen == true, "only an open session accepts output")
        }
    }

    private func sendShared(to peer: Peer, _ script: inout ByteScript) {
        var text = script.bytes().filter { $0 != EnginePacket.separator }
        var attachments = (0..<script.number(below: 3)).map { _ in script.bytes() }
        let volatile = script.bool()
        text = peer.willSend(.text, text, mayBeMissing: volatile)
        attachments = attachments.map { peer.willSend(.binary, $0, mayBeMissing: volatile) }
        let message = SharedMessage(textCount: text.count, attachments: attachments, volatile: volatile) { [text] in
            $0.copyBytes(from: text)
        }
        peer.session?.send(message)
    }

    private func sendLarge(to peer: Peer) {
        let text = peer.willSend(.text, [UInt8](repeating: 0x78, count: 2_000))
        peer.session?.send(textCount: text.count, compress: true) { $0.copyBytes(from: text) }
    }

    private func advance(by ms: Int64) {
        table.timers.advance(to: table.timers.now + ms)
    }

    // MARK: - Rules

    func check() {
        for peer in peers {
            guard let session = peer.session else { continue }
            let isKnown = table[session.id] === session
            require(
                isKnown == (session.phase != .closed), "the table has exactly the sessions that are not closed")
            require(session.isOpen == !peer.isClosed, "a receiver's closed() is called when its session closes")
            let waiting = session.queue.byteCount + session.queue.packetCount * PacketQueue.costPerPacket
            // A message is always queued whole, with its attachments if it is a shared one; after the limit, only pings
            // and the close packet.
            require(waiting <= maxBuffered + 4_096, "queued output is bounded: \(waiting) bytes")
            require(
                session.phase == .open || session.webSocket == nil
                    || session.webSocket.map { ($0 as? FakeWebSocket)?.isClosed ?? true } ?? true,
                "a closed session has closed its connection")
            let candidate = session.upgrade.candidate as? FakeWebSocket
            require(candidate?.isClosed != true, "an upgrade waits for a connection that is open")
            if session.phase == .closed {
                require(
                    session.queue.isEmpty && session.pollState.output == nil && session.upgrade.candidate == nil,
                    "a closed session has no queue, poll or upgrade")
            }
        }
    }

    /// Without further actions, all sessions must time out, call their receivers, and be released.
    func end() {
        table.tickEnded()
        check()
        for _ in 0..<4 {
            advance(by: 60_000)
            table.tickEnded()
            check()
        }
        require(table.count == 0, "silent sessions end")
        require(table.timers.count == 0, "nothing is left on the wheel")
        for peer in peers {
            require(peer.isClosed, "every receiver's closed() is called")
            require(peer.session == nil, "a closed session is released")
            require(peer.polls.allSatisfy(\.isOver), "no poll is left without an answer")
            require(peer.webSockets.allSatisfy(\.isClosed), "no WebSocket is left open")
        }
    }
}
