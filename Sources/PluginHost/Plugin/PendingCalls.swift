import Synchronization

/// Callbacks that a plugin was promised exactly once: answers to what it asked. Whoever takes one out makes the call. Any thread.
final class PendingCalls: Sendable {
    private struct State {
        var aborts: [UInt64: @Sendable () -> Void] = [:]
        var last: UInt64 = 0
        var isClosed = false
    }

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { state.withLock { $0.aborts.count } }

    enum Promise {
        /// Whoever takes out the call of this number makes it.
        case number(UInt64)
        /// Too many are due.
        case full
        /// The plugin is going: what it asks for now is answered at once.
        case closed
    }

    /// Promises a call.
    ///
    /// - Parameter abort: makes the call on the strand when the plugin goes first.
    func add(_ abort: @escaping @Sendable () -> Void) -> Promise {
        state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard state.aborts.count < limit else { return .full }
            state.last += 1
            state.aborts[state.last] = abort
            return .number(state.last)
        }
    }

    /// Whether the call is still to be made: the one who hears `true` makes it.
    func claim(_ call: UInt64) -> Bool { state.withLock { $0.aborts.removeValue(forKey: call) != nil } }

    /// Has `enqueue` queue the call, if it is still to be made. Under the lock: so no call is lost between here and a strand that ends after ``close()``.
    func complete(_ call: UInt64, _ enqueue: () -> Void) {
        state.withLock { if $0.aborts.removeValue(forKey: call) != nil { enqueue() } }
    }

    /// Takes all out, oldest first; nothing is promised from now on.
    func close() -> [@Sendable () -> Void] {
        state.withLock { state in
            state.isClosed = true
            defer { state.aborts = [:] }
            return state.aborts.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
