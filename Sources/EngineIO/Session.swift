import Support

/// One Engine.IO session, over polling, over a WebSocket, or during the upgrade from one to the other.
///
/// It implements the protocol's rules and has no I/O: Transport reports what it received (`Session+polling`,
/// `Session+webSocket`), and the session sends through ``PollOutput`` and ``WebSocketOutput``. [loop] All calls are
/// made on the loop that opened the session.
public final class Session {
    /// The session's id, which is also its only secret.
    public let id: SessionID
    // These four one-byte fields fill the padding after the id; the order of the fields determines a session's size.
    /// `b64=1`: the client wants binary messages as base64 text, over a WebSocket as well.
    let usesBase64: Bool
    var phase = SessionPhase.open
    /// Whether the session is in the table's list of sessions to process at the end of the loop's tick.
    var isDirty = false
    /// Set if more output is buffered than `maxBufferedOutput`; the session ends at the end of the tick.
    var hasOverflowed = false
    /// The WebSocket in use; nil while polling. Stored here so that a broadcast reads few cache lines per session.
    package internal(set) var webSocket: (any WebSocketOutput)?
    /// Safe although `unowned(unsafe)`: the loop retains its tables until it ends, and a table contains every session
    /// that may still be called. Reference counting would be the most expensive instruction of sending a message.
    unowned(unsafe) let table: SessionTable
    /// The request that opened the session.
    public let handshakeRequest: HandshakeRequest
    /// Receives the session's messages. Set by the code that opened the session, cleared when the session ends.
    public var receiver: (any SessionReceiver)?
    var heartbeat: Heartbeat
    /// Whether the session has joined a namespace at any time. Such a session is never closed to make room for others.
    public private(set) var hasJoined = false
    var upgrade: Upgrade
    var pollState = PollState.idle
    var postState = PostState.idle
    /// Packets for the next poll; created with the first packet.
    private(set) var waiting: PacketQueue?
    var heartbeatTimer = TimerID.none
    /// The upgrade's timeout; while closing, the timeout for the last poll.
    var stageTimer = TimerID.none
    var noopTimer = TimerID.none
    /// Additional header lines of all HTTP responses of the session, as `name: value\r\n`; usually empty. Set by
    /// Transport.
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

    /// Whether messages are sent and received.
    public var isOpen: Bool { phase == .open }

    /// The transport in use.
    public var transport: TransportName { webSocket == nil ? .polling : .websocket }

    /// Whether a message sent now is passed to the network now; otherwise volatile messages are dropped. Polling: a GET
    /// is waiting. WebSocket: no output is buffered for a slow reader.
    public var canSendNow: Bool {
        guard phase == .open, !hasOverflowed else { return false }
        if let webSocket { return webSocket.canSendNow }
        return pollState.output != nil
    }

    /// Called by the layer above when the client has joined a namespace.
    public func joined() {
        guard !hasJoined else { return }
        hasJoined = true
        table.unconnected.left(bytes: handshakeRequest.size)
    }

    // MARK: - Waiting packets

    /// Bytes of the packets that wait for the next poll.
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

    /// Sends a text message of exactly `textCount` bytes of UTF-8, which `fill` writes in place. Does nothing if the
    /// session has ended.
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

    /// Sends a message that is shared with other receivers.
    public func send(_ message: SharedMessage) {
        guard phase == .open, !hasOverflowed else { return }
        if message.volatile, !canSendNow { return }
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

    /// Sends one message over a WebSocket; a binary one as base64 text if the client asked for that.
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

    /// Marks the session to be ended at the end of the tick. It must not end here, because the caller may be iterating
    /// over a list that the end would change.
    private func overflow() {
        hasOverflowed = true
        table.counters.overflowed += 1
        table.markDirty(self)
    }

    /// Called at the end of the loop's tick: sends the packets queued during it in one poll answer.
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
    /// Closes the session: sends buffered output, then the close packet (polling, within
    /// ``EngineOptions/closeTimeout``) or the close frame. The receiver is notified before this returns. Does nothing
    /// if the session has ended.
    ///
    /// Over polling, the close packet is never in the same answer as messages: the JavaScript client acts on it at once
    /// and on messages a tick later, so it would lose the messages, and report `transport close` where they end with a
    /// DISCONNECT. The messages answer one GET, the close packet the next. A running upgrade continues: a client whose
    /// probe was answered has stopped polling, and would wait for its own ping timeout if its WebSocket were closed. It
    /// switches over, and the WebSocket is closed after the buffered output.
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

    /// Ends the session at once, for instance because of a client's error; its id is unknown from now on. A waiting GET
    /// is answered with the queued packets, or with the close packet if there are none.
    public func abort(_ reason: CloseReason) {
        guard phase != .closed else { return }
        if let poll = pollState.unpark() {
            // The queue of a session that has overflowed is discarded.
            if let waiting, !waiting.isEmpty, !hasOverflowed {
                answer(poll)
            } else {
                answerWithClose(poll)
            }
        }
        end(reason)
    }

    /// The client closed the session in a POST; the GET that it sent together with it may not have arrived yet.
    func leave() {
        phase = .leaving
        stopTimers()
        stageTimer = table.timers.schedule(
            at: table.timers.now + table.options.closeGracePeriod, for: self, tag: TimerTag.closing.rawValue)
        closeCandidate()
        notifyReceiver(.transportClose)
    }

    /// Ends the session: nothing is received or sent from now on.
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

/// The life cycle of a session.
enum SessionPhase: Equatable {
    /// Messages are sent and received.
    case open
    /// The server has closed the session and notified the receiver. Queued packets wait for the client's next poll, the
    /// close packet for the one after.
    case closing
    /// The client closed the session in a POST while no GET was waiting; the receiver is notified. The client may have
    /// sent a GET together with the POST on another connection, and either can arrive first. Therefore the answer to
    /// the POST is held for ``EngineOptions/closeGracePeriod``, and a GET that arrives before then is still answered.
    case leaving
    /// The session has ended and its id is unknown.
    case closed
}

/// Why a session ended. The raw value is the reference's text, which event handlers and metrics receive.
public enum CloseReason: String, Sendable, Equatable, CaseIterable {
    /// The connection broke, the client broke a rule of the transport, or it read too slowly.
    case transportError = "transport error"
    /// The client closed the session or its connection.
    case transportClose = "transport close"
    /// The server closed the session.
    case forcedClose = "forced close"
    /// No pong within `pingTimeout`.
    case pingTimeout = "ping timeout"
    /// A packet was malformed.
    case parseError = "parse error"
    /// The host is stopping.
    case serverShuttingDown = "server shutting down"
}

/// Receives a session's messages: the Socket.IO client, or an echo. All functions are called on the session's loop.
public protocol SessionReceiver: AnyObject {
    /// A text message without its leading `4`; valid UTF-8. The memory is the receive buffer: writable, and valid
    /// during the call.
    func received(text: UnsafeMutableRawBufferPointer)
    /// A binary message. The memory is writable, and valid during the call.
    func received(binary: UnsafeMutableRawBufferPointer)
    /// The session has ended. Called exactly once, as the last call, and synchronously: also from within
    /// ``Session/close(_:)`` and ``Session/abort(_:)``, so the receiver may be closed when such a call returns. Never
    /// called from within a `send`.
    func closed(_ reason: CloseReason)
}
