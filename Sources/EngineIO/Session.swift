import Support

/// One session, over polling, over a WebSocket, or on its way from one to the other.
///
/// It owns the rules of the protocol and no socket: Transport tells it what came (`Session+polling`, `Session+webSocket`), and it
/// answers through ``PollOutput`` and ``WebSocketOutput``. [loop] Everything, always on the loop that opened it.
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
    /// What the session speaks over; nil: polling. Here, so that a broadcast touches as little memory of each session as possible.
    var webSocket: (any WebSocketOutput)?
    /// Unsafe in name only: a table lives as long as its loop's tables, which hold every session that is still to be called; counting a reference on
    /// each message would be its dearest instruction.
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
    /// What every HTTP response of the session bears beside its own fields, as `name: value\r\n` lines; mostly nothing. Transport's.
    public var headerLines: [UInt8] = []

    init(id: SessionID, handshakeRequest: HandshakeRequest, table: SessionTable, webSocket: (any WebSocketOutput)?, usesBase64: Bool) {
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

    /// Whether a message sent now goes out now; volatile messages are dropped otherwise. Polling: a GET waits. WebSocket: nothing
    /// waits for a slow reader.
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

    /// Sends a text message of exactly `textCount` bytes of UTF-8, which `fill` writes in place. Silently dropped when the session is over.
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
                    enqueue(part.kind, count: content.count, compress: message.compress) { $0.copyMemory(from: content) }
                }
            }
        }
    }

    /// What was sent over a WebSocket goes out now, and what follows some milliseconds later: the client finds the two in reads of their own.
    /// Polling: nothing happens, the client takes what there is.
    public func separate() {
        webSocket?.separate()
    }

    /// One message over a WebSocket, as it is or as base64.
    func send(_ kind: MessageKind, _ content: UnsafeRawBufferPointer, compress: Bool, over webSocket: any WebSocketOutput) {
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

    /// Ends the session at the end of the tick and not here: whoever sends may be walking a list that the end would change.
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
