import EngineIO

/// An event that wants acks, encoded once for many sockets of one namespace of one shard.
public struct Question {
    let id: UInt64
    let message: SharedMessage
}

extension Socket {
    /// Sends the question and waits for the client's ack.
    ///
    /// - Parameters:
    ///   - timeout: in ms.
    ///   - answer: called once, on the loop, perhaps before this returns. A socket that owes ``SocketOptions/maxPendingAcks`` already is not asked, and
    ///     counts as timed out.
    public func ask(_ question: Question, timeout: Int64, answer: @escaping (AckAnswer) -> Void) {
        do throws(LimitError) {
            try expectAck(question.id, timeout: timeout, answer: answer)
            session.send(question.message)
            shard.statistics.deliveries &+= 1
        } catch {
            answer(.timedOut)
        }
    }
}
