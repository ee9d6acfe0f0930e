import RawJSON

extension NamespaceSocket {
    /// Hands an event to the application. `text` is written to: the name is decoded in place, and the arguments become an array.
    func receivedEvent(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer, attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>
    ) {
        // An event without a payload has no name and nobody who could be told of it; the reference drops it, too.
        guard let base = text.baseAddress, !packet.payload.isEmpty else { return }
        let shard = client.shard
        shard.statistics.eventsReceived &+= 1
        var name = UnsafeRawBufferPointer(rebasing: text[packet.name])
        if packet.nameIsEscaped { name = Self.decode(packet.name, in: text) }
        let args: UnsafeRawBufferPointer
        if let comma = packet.comma {
            base.storeBytes(of: UInt8(ascii: "["), toByteOffset: comma, as: UInt8.self)
            args = UnsafeRawBufferPointer(start: base + comma, count: text.count - comma)
        } else {
            args = Self.noArguments
        }
        let event = IncomingEvent(name: name, args: args, attachments: attachments, ackID: packet.ackID)
        shard.application.event(event, from: self)
    }

    /// Ends the waiting for an ack. Late and made-up ones are ignored, as in the reference.
    func receivedAck(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer, attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>
    ) {
        let shard = client.shard
        guard let id = packet.ackID, let pending = pendingAcks.removeValue(forKey: id) else {
            shard.statistics.acksIgnored &+= 1
            return
        }
        shard.statistics.acksReceived &+= 1
        shard.timers.cancel(pending.timer)
        let args = packet.payload.isEmpty ? Self.noArguments : UnsafeRawBufferPointer(rebasing: text[packet.payload])
        pending.answer(.answered(args: args, attachments: attachments))
    }

    private static var noArguments: UnsafeRawBufferPointer {
        let text: StaticString = "[]"
        return UnsafeRawBufferPointer(start: text.utf8Start, count: 2)
    }

    /// Decodes a name's escapes over itself: what they mean is never longer than they are.
    private static func decode(_ name: Range<Int>, in text: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer {
        let token = UnsafeRawBufferPointer(rebasing: text[name.lowerBound - 1..<name.upperBound + 1])
        return withUnsafeTemporaryAllocation(byteCount: name.count, alignment: 1) { decoded in
            let count = JSONText.unquote(token, into: decoded) ?? 0
            let target = UnsafeMutableRawBufferPointer(rebasing: text[name.lowerBound..<name.lowerBound + count])
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: decoded[..<count]))
            return UnsafeRawBufferPointer(target)
        }
    }
}
