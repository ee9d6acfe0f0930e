import Synchronization

/// The timers of one plugin that have been set and have not fired: who takes a handle out decides whether it is called. Any thread.
final class PluginTimers: Sendable {
    private struct State {
        var pending: Set<UInt64> = []
        var last: UInt64 = 0
        var isClosed = false
    }

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { state.withLock { $0.pending.count } }

    /// A new handle; `nil` beyond the limit, or when the plugin is going. Handles are numbers counted up: a stale one never names another timer.
    func add() -> UInt64? {
        state.withLock { state in
            guard !state.isClosed, state.pending.count < limit else { return nil }
            state.last += 1
            state.pending.insert(state.last)
            return state.last
        }
    }

    /// Whether it was pending: the one who hears `true` may fire or forget it.
    func take(_ timer: UInt64) -> Bool { state.withLock { $0.pending.remove(timer) != nil } }

    func contains(_ timer: UInt64) -> Bool { state.withLock { $0.pending.contains(timer) } }

    func close() {
        state.withLock {
            $0.isClosed = true
            $0.pending = []
        }
    }
}
