import Synchronization

/// The timers of one plugin that have been set and have not fired: who takes a call out makes it, or frees its context. Any thread.
final class PluginTimers: Sendable {
    private struct State {
        var pending: [UInt64: TaskCall] = [:]
        var last: UInt64 = 0
        var isClosed = false
    }

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { state.withLock { $0.pending.count } }

    enum Addition {
        case handle(UInt64)
        case full
        /// The plugin is going: the handle is that of a timer which is gone already.
        case closed(UInt64)
    }

    /// A new handle. Handles are numbers counted up: a stale one never names another timer.
    func add(_ call: TaskCall) -> Addition {
        state.withLock { state in
            guard state.pending.count < limit else { return .full }
            state.last += 1
            guard !state.isClosed else { return .closed(state.last) }
            state.pending[state.last] = call
            return .handle(state.last)
        }
    }

    /// Takes a timer out and has `enqueue` queue its call, or the freeing of its context. Under the lock: so neither is lost between here and a strand that
    /// ends after ``close()``.
    ///
    /// - Returns: `false` if it has fired or was cancelled.
    func remove(_ timer: UInt64, _ enqueue: (TaskCall) -> Void) -> Bool {
        state.withLock { state in
            guard let call = state.pending.removeValue(forKey: timer) else { return false }
            enqueue(call)
            return true
        }
    }

    func contains(_ timer: UInt64) -> Bool { state.withLock { $0.pending[timer] != nil } }

    /// Takes all out, oldest first; none fires from now on.
    func close() -> [TaskCall] {
        state.withLock { state in
            state.isClosed = true
            defer { state.pending = [:] }
            return state.pending.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
