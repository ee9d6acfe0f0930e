import Support
import Synchronization

/// Whose comings and goings one plugin wants to hear of. Any thread.
final class PresenceWatches: Sendable {
    private struct State {
        var users: Set<ByteString> = []
        var everybody = false
    }

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// - Parameter user: empty for everybody.
    /// - Returns: `false` beyond the limit.
    func watch(_ user: ByteString) -> Bool {
        state.withLock { state in
            if user.isEmpty {
                state.everybody = true
            } else if !state.users.contains(user) {
                guard state.users.count < limit else { return false }
                state.users.insert(user)
            }
            return true
        }
    }

    /// - Returns: whether it was watched.
    func unwatch(_ user: ByteString) -> Bool {
        state.withLock { state in
            if user.isEmpty {
                defer { state.everybody = false }
                return state.everybody
            }
            return state.users.remove(user) != nil
        }
    }

    func contains(_ user: ByteString) -> Bool { state.withLock { $0.everybody || $0.users.contains(user) } }
}
