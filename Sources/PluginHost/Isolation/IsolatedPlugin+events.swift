import CJackfield
import SocketIO
import Support

/// Sending an event to the worker from its loop, while the strand has nothing to do. [loop]
extension IsolatedPlugin {
    /// More bytes are sent by the strand, which may wait for room in the channel.
    private static let mostBytes = 16_384
    /// With more callbacks in the queue, the strand sends, so that the shares of senders are checked.
    private static let mostWaiting = 64

    /// The address of the handler of declared events. Events that C functions answer have another one, which waits.
    private static let handler = unsafeBitCast(proxies.event, to: UInt.self)

    /// Sends an event, unless that would have to wait.
    ///
    /// - Parameter strand: the one of the event, which this thread has borrowed.
    /// - Returns: whether it was sent.
    func sendAtOnce(
        _ event: borrowing IncomingEvent, from socket: NamespaceSocket, to route: EventRoute, on strand: Strand,
        _ namespace: UnsafeRawBufferPointer, _ wantsAck: Bool
    ) -> Bool {
        guard case .plugin(_, let handler) = route.target, unsafeBitCast(handler, to: UInt.self) == Self.handler else {
            return false
        }
        var bytes = event.args.count
        for attachment in event.attachments { bytes += attachment.count }
        guard bytes <= Self.mostBytes, plugin.budget.callbacks < Self.mostWaiting, plugin.budget.hasCapacity else {
            return false
        }
        let data = plugin.data(of: socket.handle)
        var token = ReplyToken(0)
        let entry: ReplyTokenEntry? = wantsAck ? event.ackID.map { .ack(socket: socket.handle, id: $0) } : nil
        let body: () -> RunningCall.Body? = { [plugin] in
            guard let entry else { return .event(token) }
            guard let held = plugin.tokens.enterHeld(entry) else { return nil }
            token = held
            return .event(held)
        }
        guard
            let (number, worker) = begin(
                bytes: bytes, title: route.callback.title, lane: strand.lane, data: data, body)
        else { return false }
        var writer = WireWriter(capacity: bytes + 256)
        writer.integer(UInt16(truncatingIfNeeded: strand.lane))
        writer.integer(UInt32(truncatingIfNeeded: UInt(bitPattern: route.context)))
        writer.integer(socket.handle)
        writer.integer(socket.connection)
        writer.integer(token.raw)
        writer.integer(UInt64(UInt(bitPattern: data?.pointer)))
        writer.data(namespace)
        writer.data(event.name)
        writer.data(event.args)
        LoopContext.withUserAndID(of: socket) { user, id in
            writer.data(user)
            writer.data(id)
        }
        let attachments = event.attachments
        writer.integer(UInt32(attachments.count))
        for attachment in attachments { writer.data(attachment) }
        let result = writer.bytes.withUnsafeBytes {
            worker.channel.write(kind: WorkerMessage.event.rawValue, id: number, $0, until: nil)
        }
        // If the worker has ended, its end answers the event.
        guard case .full = result, undo(number, lane: strand.lane, bytes: bytes) else { return true }
        if token.raw != 0 { _ = plugin.tokens.reclaim(token) }
        return false
    }
}
