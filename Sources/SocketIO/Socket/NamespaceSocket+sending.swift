import EngineIO

extension NamespaceSocket {
    /// Sends an event.
    ///
    /// - Parameters:
    ///   - name: UTF-8 text; quoted here.
    ///   - args: a valid JSON array.
    ///   - attachments: what the placeholders of `args` stand for. Without attachments, placeholders are plain data.
    public func emit(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = []
    ) {
        guard isConnected else { return }
        if socketRecovery != nil, let recovery = client.shard.options.recovery {
            let prefix = namespace.prefix
            let (message, _) = recovery.append(to: .socket(socketID, namespace: namespace.name), isStored: !flags.contains(.volatile)) { offset in
                PacketEncoder.message(name: name, args: args, attachments: attachments, flags: flags, prefix: prefix, offset: offset)
            }
            return session.send(message)
        }
        if flags.contains(.volatile), !session.canTakeNow { return }
        send(name: name, args: args, attachments: attachments, flags: flags, ackID: nil)
    }

    /// Sends an event and waits for the client's ack.
    ///
    /// - Parameters:
    ///   - timeout: in ms.
    ///   - answer: called once, on the loop.
    /// - Throws: ``LimitError/tooManyPendingAcks(limit:)``; then nothing was sent, and `answer` is not called.
    public func emit(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = [],
        timeout: Int64, answer: @escaping (AckResult) -> Void
    ) throws(LimitError) {
        guard isConnected else { return answer(.disconnected) }
        let id = namespace.nextAckID()
        try expectAck(id, timeout: timeout, answer: answer)
        // A volatile event that is dropped has an ack that times out, as in the reference.
        if flags.contains(.volatile), !session.canTakeNow { return }
        send(name: name, args: args, attachments: attachments, flags: flags, ackID: id)
    }

    /// Answers an event that carried ``IncomingEvent/ackID``.
    public func ack(
        _ id: UInt64, args: UnsafeRawBufferPointer, attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0)
    ) {
        guard isConnected else { return }
        send(name: nil, args: args, attachments: attachments, flags: [], ackID: id)
    }

    /// Puts the packet straight into the session's output.
    @inline(__always)
    private func send(
        name: UnsafeRawBufferPointer?, args: UnsafeRawBufferPointer, attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>,
        flags: EmitFlags, ackID: UInt64?
    ) {
        let compress = !flags.contains(.noCompress)
        if attachments.isEmpty {
            let writer = PacketWriter(name: name, args: args, prefix: namespace.prefix, ackID: ackID)
            session.send(textCount: writer.count, compress: compress) { writer.write(to: $0) }
        } else {
            BoundArguments.withBound(args, attachments) { args, attachments in
                let writer = PacketWriter(name: name, args: args, prefix: namespace.prefix, ackID: ackID, attachments: attachments.count)
                session.send(textCount: writer.count, compress: compress) { writer.write(to: $0) }
                for attachment in attachments { session.send(binary: attachment, compress: compress) }
            }
        }
    }
}
