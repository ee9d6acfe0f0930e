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

    /// Promises a call; `nil` beyond the limit, or when the plugin is going.
    ///
    /// - Parameter abort: makes the call on the strand when the plugin goes first.
    func add(_ abort: @escaping @Sendable () -> Void) -> UInt64? {
        state.withLock { state in
            guard !state.isClosed, state.aborts.count < limit else { return nil }
            state.last += 1
            state.aborts[state.last] = abort
            return state.last
        }
    }

    /// Whether the call is still to be made: the one who hears `true` makes it.
    func take(_ call: UInt64) -> Bool { state.withLock { $0.aborts.removeValue(forKey: call) != nil } }

    /// Takes all out, oldest first; nothing is promised from now on.
    func close() -> [@Sendable () -> Void] {
        state.withLock { state in
            state.isClosed = true
            defer { state.aborts = [:] }
            return state.aborts.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
