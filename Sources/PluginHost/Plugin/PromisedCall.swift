import CJackfield

/// A callback that a plugin was promised exactly once, and what the call that asks for it returns.
struct PromisedCall: Sendable {
    /// In ``PendingCalls``; `nil`: nobody is to be asked for anything.
    let number: UInt64?
    let code: Int32
}

extension LoadedPlugin {
    /// Promises a callback, if fewer are due than may be.
    ///
    /// - Parameter abort: makes the callback on the strand when the plugin goes first.
    func promise(_ abort: @escaping @Sendable () -> Void) -> PromisedCall {
        switch pending.add(abort) {
        case .number(let number): return PromisedCall(number: number, code: JF_OK)
        case .full: return PromisedCall(number: nil, code: JF_E_LIMIT)
        case .closed:
            let isTaken = strand.enqueue(StrandTask(.answer, run: abort), promised: true)
            return PromisedCall(number: nil, code: isTaken ? JF_OK : JF_E_STATE)
        }
    }

    /// Has `enqueue` queue the callback, if it is still to be made; see ``PendingCalls/complete(_:_:)``.
    func complete(_ promise: PromisedCall, _ enqueue: () -> Void) {
        if let number = promise.number { pending.complete(number, enqueue) }
    }

    /// Whether the callback is still to be made: the one who hears `true` makes it.
    func claim(_ promise: PromisedCall) -> Bool { promise.number.map { pending.claim($0) } ?? false }
}
