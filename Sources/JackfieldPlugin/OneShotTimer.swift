/// A timer made with ``JackfieldHost/after(_:_:_:)``.
public struct OneShotTimer: Sendable {
    let host: JackfieldHost
    let timer: jf_timer

    /// true: it will not fire. false: it did, or is about to.
    @discardableResult
    public func cancel() -> Bool {
        host.timerTable.cancel?(host.pointer, timer) == JF_OK
    }
}
