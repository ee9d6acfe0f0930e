import EngineIO

/// An event that wants acks, encoded once for many sockets of one namespace of one shard.
public struct AckRequest {
    let id: UInt64
    let message: SharedMessage
}

extension NamespaceSocket {
    /// Sends the event and waits for the client's ack.
    ///
    /// - Parameters:
    ///   - timeout: in ms.
    ///   - answer: called once, on the loop, perhaps before this returns. A socket that owes ``SocketOptions/maxPendingAcks`` already is not asked, and
    ///     counts as timed out.
    public func emit(_ ackRequest: AckRequest, timeout: Int64, answer: @escaping (AckResult) -> Void) {
        do throws(LimitError) {
            try expectAck(ackRequest.id, timeout: timeout, answer: answer)
            session.send(ackRequest.message)
            shard.statistics.deliveries &+= 1
        } catch {
            answer(.timedOut)
        }
    }
}
