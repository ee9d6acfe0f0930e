import EngineIO
import NIOCore

/// One WebSocket connection: receives and sends frames, and performs the closing handshake. The only handler of its
/// channel. [loop]
final class WebSocketHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// What receives the messages.
    enum Consumer {
        case session(Session)
        /// Every message is sent back.
        case echo
        /// The connection is closing; messages are dropped.
        case nobody
    }

    /// The server's side of the closing handshake of RFC 6455.
    private enum Phase {
        case open
        /// Our close frame is sent; the client's is awaited.
        case closing
        /// Both sides have sent a close frame, or the client violated the protocol. FIN is sent, and further input is
        /// dropped.
        case ending
        case over
    }

    // The fields that a broadcast reads come first; see ``ConnectionOutput``.
    let output: ConnectionOutput
    private let deflate: PermessageDeflate?
    // These three fill one word.
    private var phase = Phase.open
    /// The session has joined no namespace, so it may send small messages only.
    private var isLimited = false
    /// Bytes of one read; 0: no limit measured yet. See ``ReadShares``.
    private var readLimit: Int32 = 0
    let loop: Loop
    private let endpoint: Endpoint
    private var consumer = Consumer.nobody
    private var parser: WebSocketFrameParser
    private var timer = TimerID.none
    /// The number of bytes charged to ``Loop/account``, up to 4 GiB. Here it fills the padding behind `timer`.
    private var charged: UInt32 = 0
    /// The latest time at which a client that keeps reading, but sends no close frame, is disconnected; ms.
    private var closingUntil: Int64 = 0
    /// What the client had acknowledged at the last check.
    private var progress: ConnectionOutput.Progress?
    /// See ``LoopConnection/serial``.
    let serial: UInt64
    private var context: ChannelHandlerContext?

    init(loop: Loop, output: ConnectionOutput, endpoint: Endpoint, deflate: PermessageDeflate?) {
        self.loop = loop
        self.output = output
        self.endpoint = endpoint
        self.deflate = deflate
        serial = loop.nextSerial()
        parser = WebSocketFrameParser(maxPayload: endpoint.options.maxPayload, allowsCompression: deflate != nil)
    }

    private var maxBufferedOutput: Int { loop.tables[endpoint.index].options.maxBufferedOutput }

    /// Sends the messages to `consumer`, unless the connection has been closed already.
    func deliver(to consumer: Consumer) {
        guard phase == .open else { return }
        self.consumer = consumer
        guard case .session(let session) = consumer, !session.hasJoined else { return }
        isLimited = true
        parser.maxPayload = min(endpoint.options.maxPayload, loop.settings.maxBeforeJoining)
    }

    /// Allows messages of `maxPayload` once the session has joined a namespace.
    private func liftLimit() {
        guard case .session(let session) = consumer, session.hasJoined else { return }
        isLimited = false
        parser.maxPayload = endpoint.options.maxPayload
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // If the channel is closed already, NIO does not call ``channelInactive(context:)``.
        output.isWatched = context.channel.isActive
        loop.counters.webSockets += 1
        loop.connections[ObjectIdentifier(self)] = self
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        output.isWatched = false
        loop.connections[ObjectIdentifier(self)] = nil
        loop.wheel.cancel(timer)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .open || phase == .closing else { return }
        let buffer = unwrapInboundIn(data)
        let count = buffer.readableBytes, isFull = buffer.writableBytes == 0
        let began = loop.beginReading(count, limit: readLimit)
        loop.read(from: output) {
            buffer.withUnsafeReadableBytes { bytes in
                // Unmasking changes the bytes in place. Nothing else reads them: this handler is the only one of its
                // channel, and the buffer is dropped or overwritten after this call. `withUnsafeMutableReadableBytes`
                // would copy them all, because NIO holds a reference until this returns.
                process(UnsafeMutableRawBufferPointer(mutating: bytes))
            }
        }
        loop.receiveBuffers.release(buffer)
        charge()
        loop.endReading(count, isFull: isFull, since: began, limit: &readLimit, of: output.channel)
    }

    /// Charges ``Loop/account`` with the bytes of incomplete messages. Input that is handled within one read is never
    /// charged.
    private func charge() {
        let held = phase == .over ? 0 : UInt32(clamping: parser.heldBytes + (deflate?.heldBytes ?? 0))
        guard held != charged else { return }
        loop.account.charge(Int(held) - Int(charged))
        charged = held
    }

    func channelInactive(context: ChannelHandlerContext) {
        phase = .over
        output.channelClosed()
        charge()
        dismiss(.transportClose)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The peer reset the connection; NIO calls ``channelInactive(context:)`` next.
        dismiss(.transportError)
        context.close(promise: nil)
    }

    // MARK: - Coming in

    private func process(_ bytes: UnsafeMutableRawBufferPointer) {
        var input = bytes
        while true {
            if isLimited { liftLimit() }
            switch parser.next(&input) {
            case .needsMore:
                return
            case .message(let kind, let payload, let isCompressed):
                guard phase == .open else { continue }
                if isCompressed { inflate(kind, payload) } else { received(kind, payload) }
            case .ping(let payload):
                guard phase == .open else { continue }
                // A client that sends pings and does not read the pongs is treated as any slow reader.
                guard output.bufferedBytes <= maxBufferedOutput else { return end(.transportError) }
                write(first: 0x8A, payload)
            case .pong:
                break
            case .close(let payload):
                if phase == .open { write(first: 0x88, payload) }
                return end(.transportClose)
            case .violation(let violation):
                return fail(violation)
            }
            guard phase == .open || phase == .closing else { return }
        }
    }

    @inline(__always)
    private func received(_ kind: MessageKind, _ payload: UnsafeMutableRawBufferPointer) {
        switch (consumer, kind) {
        case (.session(let session), .text): session.webSocketReceived(text: payload, over: self)
        case (.session(let session), .binary): session.webSocketReceived(binary: payload, over: self)
        case (.echo, _):
            guard output.bufferedBytes <= maxBufferedOutput else { return end(.transportError) }
            send(kind, count: payload.count, compress: true) { $0.copyMemory(from: UnsafeRawBufferPointer(payload)) }
        case (.nobody, _): break
        }
    }

    private func inflate(_ kind: MessageKind, _ payload: UnsafeMutableRawBufferPointer) {
        guard let deflate else { return fail(.badCompression) }
        switch deflate.inflate(UnsafeRawBufferPointer(payload), limit: parser.maxPayload) {
        case .tooLarge: fail(.tooLarge)
        case .corrupt: fail(.badCompression)
        case .inflated(var message):
            message.withUnsafeMutableBytes { bytes in
                guard kind == .binary || UTF8Validator.isValid(UnsafeRawBufferPointer(bytes)) else {
                    return fail(.invalidUTF8)
                }
                received(kind, bytes)
            }
        }
    }

    // MARK: - Endings

    /// The client violated the protocol: sends a close frame with the code of the violation, and ends the connection.
    private func fail(_ violation: WebSocketViolation) {
        loop.counters.webSocketViolations += 1
        if phase == .open {
            write(first: 0x88, count: 2) { bytes in
                bytes[0] = UInt8(violation.code >> 8)
                bytes[1] = UInt8(violation.code & 0xFF)
            }
        }
        end(.transportError)
    }

    /// Ends the connection: sends FIN after all output.
    private func end(_ reason: CloseReason) {
        phase = .ending
        output.shutDownWhenWritten()
        startTimer(endpoint.lingerTimeout)
        dismiss(reason)
    }

    private func dismiss(_ reason: CloseReason) {
        let consumer = self.consumer
        self.consumer = .nobody
        if case .session(let session) = consumer { session.webSocketGone(self, reason: reason) }
    }

    private func startTimer(_ ms: Int64) {
        loop.wheel.cancel(timer)
        timer = loop.wheel.schedule(at: loop.wheel.now + ms, for: self)
    }

    // MARK: - Going out

    /// Appends one frame.
    @inline(__always)
    private func write(first: UInt8, count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let size = WebSocketHeader.size(for: count)
        let start = output.append(size + count)
        WebSocketHeader.write(first: first, count: count, to: start)
        fill(UnsafeMutableRawBufferPointer(start: start + size, count: count))
    }

    private func write(first: UInt8, _ payload: UnsafeRawBufferPointer) {
        write(first: first, count: payload.count) { $0.copyMemory(from: payload) }
    }
}

extension WebSocketHandler: WebSocketOutput {
    var canSendNow: Bool { phase == .open && output.canSendNow }

    var bufferedBytes: Int { output.bufferedBytes }

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        guard phase == .open else { return }
        let first = kind == .text ? WebSocketHeader.text : WebSocketHeader.binary
        if let deflate, compress, count >= deflate.threshold {
            let compressed = deflate.compress(count: count, fill: fill)
            return compressed.withUnsafeBytes { write(first: first | WebSocketHeader.compressed, $0) }
        }
        write(first: first, count: count, fill: fill)
    }

    func send(_ message: SharedMessage) {
        guard phase == .open else { return }
        guard let deflate, message.compress, message.parts.contains(where: { $0.range.count >= deflate.threshold })
        else {
            return output.append(message)
        }
        // Each compressed connection has a context of its own, so frames compressed for others cannot be shared.
        for part in message.parts {
            message.withPart(part) { payload in
                send(part.kind, count: payload.count, compress: true) { $0.copyMemory(from: payload) }
            }
        }
    }

    func flushSeparately() { output.flushSeparately() }

    func close() {
        guard phase == .open else { return }
        consumer = .nobody
        phase = .closing
        write(first: 0x88, count: 0) { _ in }
        closingUntil = loop.wheel.now + endpoint.options.closeTimeout
        awaitCloseFrame()
    }

    func abort() {
        context?.close(promise: nil)
    }
}

extension WebSocketHandler: TimerTarget {
    /// The client did not answer the close frame, or did not close its side after FIN.
    func timerFired(_ id: TimerID, tag: UInt64) {
        if phase == .closing {
            // A client that still reads earlier output has not reached the close frame yet.
            guard output.progress == progress || loop.wheel.now >= closingUntil else { return awaitCloseFrame() }
            loop.counters.unansweredCloses += 1
        }
        context?.close(promise: nil)
    }

    private func awaitCloseFrame() {
        progress = output.progress
        startTimer(endpoint.closeFrameTimeout)
    }
}

extension WebSocketHandler: LoopConnection {
    var isUnauthenticated: Bool {
        switch consumer {
        case .session(let session): !session.hasJoined
        case .echo: false
        case .nobody: true
        }
    }

    var heldBytes: Int { Int(charged) + output.bufferedBytes }

    var waitingBytes: Int { output.bufferedBytes }

    func drain() {
        guard case .session = consumer else {
            close()
            return
        }
        // The session closes this connection, with its own reason.
    }
}
