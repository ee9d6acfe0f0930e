import EngineIO

/// A client's answer that is waited for.
struct PendingAck {
    let timer: TimerID
    let answer: (AckResult) -> Void
}
