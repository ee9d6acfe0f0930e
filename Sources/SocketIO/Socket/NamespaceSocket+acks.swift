import EngineIO

extension NamespaceSocket: TimerTarget {
    /// Waits for the client's ack `id`.
    func expectAck(_ id: UInt64, timeout: Int64, answer: @escaping (AckResult) -> Void) throws(LimitError) {
        let shard = client.shard
        guard pendingAcks.count < shard.options.maxPendingAcks else {
            shard.statistics.limited += 1
            throw .tooManyPendingAcks(limit: shard.options.maxPendingAcks)
        }
        let timer = shard.timers.schedule(at: shard.timers.now + max(0, timeout), for: self, tag: id)
        pendingAcks[id] = PendingAck(timer: timer, answer: answer)
    }

    public func timerFired(_ id: TimerID, tag: UInt64) {
        guard let pending = pendingAcks.removeValue(forKey: tag) else { return }
        client.shard.statistics.acksTimedOut += 1
        pending.answer(.timedOut)
    }

    /// Nobody will answer any more.
    func abandonAcks() {
        let abandoned = pendingAcks
        pendingAcks = [:]
        for pending in abandoned.sorted(by: { $0.key < $1.key }) {
            client.shard.timers.cancel(pending.value.timer)
            pending.value.answer(.disconnected)
        }
    }
}
