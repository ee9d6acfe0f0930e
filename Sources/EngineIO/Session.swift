import Support

/// One session, over polling, over a WebSocket, or on its way from one to the other.
///
/// It owns the rules of the protocol and no socket: Transport tells it what came (`Session+polling`,
/// `Session+webSocket`), and it answers through ``PollOutput`` and ``WebSocketOutput``. [loop] Everything, always on
/// the loop that opened it.
public final class Session {
    /// The session's secret.
    public let id: SessionID
    // These four lie in the gap behind the id: the order of what follows is the size of a session.
    /// `b64=1`: the client wants binary messages as base64 text, on a WebSocket too.
    let usesBase64: Bool
    var phase = SessionPhase.open
    /// In the table's list of sessions to look at when the loop's tick ends.
    var isDirty = false
    /// Produced more than the client takes; ended when the loop's tick does.
    var hasOverflowed = false
    /// What the session speaks over; nil: polling. Here, so that a broadcast touches as little memory of
    /// each session as possible.
    var webSocket: (any WebSocketOutput)?
    /// Unsafe in name only: a table lives as long as its loop's tables, which hold every session that is still to be
    /// called; counting a reference on each message would be its dearest instruction.
    unowned(unsafe) let table: SessionTable
    /// The request that opened it.
    public let handshakeRequest: HandshakeRequest
    /// Who gets its messages; set by whoever opened it, and let go when the session is over.
    public var receiver: (any SessionReceiver)?
    var heartbeat: Heartbeat
    /// Whether it is, or was, in a namespace: whoever was let in is kept when there is no room for all.
    public private(set) var hasJoined = false
    var upgrade: Upgrade
    var pollState = PollState.idle
    var postState = PostState.idle
    /// Packets for the next poll; made when there is a first one.
    private(set) var waiting: PacketQueue?
    var heartbeatTimer = TimerID.none
    /// The upgrade's timeout, then its noops; or, once closing, the end of the wait for the last poll.
    var stageTimer = TimerID.none
    var noopTimer = TimerID.none
    /// What every HTTP response of the session bears beside its own fields, as `name: value\r\n` lines;
    /// mostly nothing. Transport's.
    public var headerLines: [UInt8] = []

    init(
        id: SessionID, handshakeRequest: HandshakeRequest, table: SessionTable, webSocket: (any WebSocketOutput)?,
        usesBase64: Bool
    ) {
        self.id = id
        self.handshakeRequest = handshakeRequest
        self.table = table
        self.webSocket = webSocket
        self.usesBase64 = usesBase64
        upgrade = webSocket == nil ? .none : .done
        heartbeat = .started(at: table.timers.now, options: table.options)
        scheduleHeartbeat()
    }

    /// Whether messages still go both ways.
    public var isOpen: Bool { phase == .open }

    /// What it speaks over now.
    public var transport: TransportName { webSocket == nil ? .polling : .websocket }

    /// Whether a message sent now goes out now; volatile messages are dropped otherwise. Polling: a GET waits.
    /// WebSocket: nothing waits for a slow reader.
    public var canTakeNow: Bool {
        guard phase == .open, !hasOverflowed else { return false }
        if let webSocket { return webSocket.canTakeNow }
        return pollState.output != nil
    }

    /// The layer above has let it in.
    public func joined() {
        guard !hasJoined else { return }
        hasJoined = true
        table.unconnected.left(bytes: handshakeRequest.size)
    }

    // MARK: - Waiting packets

    /// Packets for the next poll; bytes.
    public var waitingBytes: Int { waiting?.byteCount ?? 0 }

    var queue: PacketQueue {
        if let waiting { return waiting }
        let queue = PacketQueue(account: table.account)
        waiting = queue
        return queue
    }

    func dropQueue() {
        waiting = nil
    }

    // MARK: - Sending

    /// Sends a text message of exactly `textCount` bytes of UTF-8, which `fill` writes in place. Silently dropped
    /// when the session is over.
    public func send(textCount: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        guard phase == .open, !hasOverflowed else { return }
        if let webSocket {
            guard webSocket.bufferedBytes <= table.options.maxBufferedOutput else { return overflow() }
            webSocket.send(.text, count: textCount + 1, compress: compress) { bytes in
                bytes[0] = PacketType.message.rawValue
                fill(UnsafeMutableRawBufferPointer(rebasing: bytes[1...]))
            }
        } else {
            enqueue(.text, count: textCount + 1, compress: compress) { bytes in
                bytes[0] = PacketType.message.rawValue
                fill(UnsafeMutableRawBufferPointer(rebasing: bytes[1...]))
            }
        }
    }

    /// Sends a binary message.
    public func send(binary: UnsafeRawBufferPointer, compress: Bool) {
        guard phase == .open, !hasOverflowed else { return }
        guard let webSocket else {
            return enqueue(.binary, count: binary.count, compress: compress) { $0.copyMemory(from: binary) }
        }
        guard webSocket.bufferedBytes <= table.options.maxBufferedOutput else { return overflow() }
        send(.binary, binary, compress: compress, over: webSocket)
    }

    /// Sends a message that many receivers share.
    public func send(_ message: SharedMessage) {
        guard phase == .open, !hasOverflowed else { return }
        if message.volatile, !canTakeNow { return }
        if let webSocket {
            guard webSocket.bufferedBytes <= table.options.maxBufferedOutput else { return overflow() }
            if !usesBase64 || message.parts.count == 1 { return webSocket.send(message) }
            for part in message.parts {
                message.withPart(part) { send(part.kind, $0, compress: message.compress, over: webSocket) }
            }
        } else {
            for part in message.parts {
                message.withPart(part) { content in
                    enqueue(part.kind, count: content.count, compress: message.compress) {
                        $0.copyMemory(from: content)
                    }
                }
            }
        }
    }

    /// What was sent over a WebSocket goes out now, and what follows some milliseconds later: the client finds the two
    /// in reads of their own. Polling: nothing happens, the client takes what there is.
    public func separate() {
        webSocket?.separate()
    }

    /// One message over a WebSocket, as it is or as base64.
    func send(
        _ kind: MessageKind, _ content: UnsafeRawBufferPointer, compress: Bool, over webSocket: any WebSocketOutput
    ) {
        if kind == .binary, usesBase64 {
            webSocket.send(.text, count: 1 + Base64.encodedCount(content.count), compress: compress) { bytes in
                bytes[0] = EnginePacket.base64Mark
                if content.count > 0 { Base64.encode(content, to: bytes.baseAddress! + 1) }
            }
        } else {
            webSocket.send(kind, count: content.count, compress: compress) { $0.copyMemory(from: content) }
        }
    }

    private func enqueue(
        _ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        let queue = queue
        guard queue.byteCount + queue.packetCount * PacketQueue.costPerPacket <= table.options.maxBufferedOutput else {
            return overflow()
        }
        queue.append(kind, count: count, compress: compress, fill: fill)
        if pollState.output != nil { table.markDirty(self) }
    }

    /// Ends the session at the end of the tick and not here: whoever sends may be walking a list
    /// that the end would change.
    private func overflow() {
        hasOverflowed = true
        table.counters.overflowed += 1
        table.markDirty(self)
    }

    /// The loop's tick is over: what was sent in it goes out together.
    func tickEnded() {
        isDirty = false
        if hasOverflowed {
            let webSocket = self.webSocket
            abort(.transportError)
            webSocket?.abort()
            return
        }
        answerPoll()
    }
}

extension Session {
    /// Closes the session: what was sent goes out, then the close packet (polling, within
    /// ``EngineOptions/closeTimeout``) or the close frame. The receiver is told on the spot. Does nothing
    /// when it is over already.
    ///
    /// Over polling the close packet never shares an answer with messages: the JavaScript client acts on it at once and
    /// on messages a tick later, so it would lose the messages and report `transport close` where they end in a
    /// DISCONNECT. They go out on one GET, the close packet on the next. An upgrade under way goes on: a client whose
    /// probe was answered has stopped polling, and would wait for its own ping timeout if the WebSocket were closed. It
    /// switches over, and the WebSocket is closed behind what was sent.
    public func close(_ reason: CloseReason) {
        guard phase == .open else { return }
        if webSocket != nil { return end(reason) }
        phase = .closing
        stopTimers()
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.closeTimeout, for: self, tag: TimerTag.closing.rawValue)
        notifyReceiver(reason)
        answerPoll()
    }

    /// Ends the session at once, for an error of the client; the id is unknown from here on. A waiting GET gets what
    /// was queued, else the close packet.
    public func abort(_ reason: CloseReason) {
        guard phase != .closed else { return }
        if let poll = pollState.unpark() {
            // A queue that has overflowed is not written out any more.
            if let waiting, !waiting.isEmpty, !hasOverflowed {
                answer(poll)
            } else {
                answerWithClose(poll)
            }
        }
        end(reason)
    }

    /// The client closed the session in a POST; the GET that goes with it may still be on its way.
    func leave() {
        phase = .leaving
        stopTimers()
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.closeGracePeriod, for: self, tag: TimerTag.closing.rawValue)
        closeCandidate()
        notifyReceiver(.transportClose)
    }

    /// Nothing more comes from the client, and nothing more can be told to it.
    func end(_ reason: CloseReason) {
        guard phase != .closed else { return }
        let wasOpen = phase == .open
        phase = .closed
        stopTimers()
        closeCandidate()
        webSocket?.close()
        pollState.unpark()?.refuse(.unknown)
        dropQueue()
        heartbeat = .stopped
        table.remove(self)
        postState.release()
        if wasOpen { notifyReceiver(reason) }
    }

    func stopTimers() {
        heartbeat = .stopped
        for timer in [heartbeatTimer, stageTimer, noopTimer] { table.timers.cancel(timer) }
    }

    func closeCandidate() {
        let candidate = upgrade.candidate
        upgrade.abandon()
        candidate?.close()
    }

    private func notifyReceiver(_ reason: CloseReason) {
        let receiver = self.receiver
        self.receiver = nil
        receiver?.closed(reason)
    }
}

/// The life of a session.
enum SessionPhase: Equatable {
    /// Messages go both ways.
    case open
    /// The server closed it, the receiver knows; what was queued waits for the client's next poll, the close
    /// packet for the one after.
    case closing
    /// The client closed it in a POST while no GET waited, and the receiver knows. The two may have been sent together
    /// and be on different connections, so that either may arrive first: the POST's answer is held for
    /// ``EngineOptions/closeGracePeriod``, and a GET that comes before it is still served.
    case leaving
    /// Nothing is left to do; the id is unknown.
    case closed
}

/// Why a session ended: the raw value is the reference's text, as event handlers and metrics see it.
public enum CloseReason: String, Sendable, Equatable, CaseIterable {
    /// The connection broke, a rule of the transport was broken, or the reader was too slow.
    case transportError = "transport error"
    /// The client closed its side.
    case transportClose = "transport close"
    /// The server closed the session.
    case forcedClose = "forced close"
    /// No pong within `pingTimeout`.
    case pingTimeout = "ping timeout"
    /// A packet could not be read.
    case parseError = "parse error"
    /// The host is stopping.
    case serverShuttingDown = "server shutting down"
}

/// Who gets a session's messages: the Socket.IO client, or an echo. Everything is called on the session's event loop.
public protocol SessionReceiver: AnyObject {
    /// A text message, its leading `4` taken off. Valid UTF-8. Valid for the call, and writable: it is
    /// the receive buffer itself.
    func received(text: UnsafeMutableRawBufferPointer)
    /// A binary message. Valid for the call, and writable.
    func received(binary: UnsafeMutableRawBufferPointer)
    /// The session is over. Exactly once, last, and on the spot: also from within
    /// ``Session/close(_:)`` and ``Session/abort(_:)``, so a receiver may find itself closed when such
    /// a call returns. Never from within a `send`.
    func closed(_ reason: CloseReason)
}
