import Support
import Synchronization

/// Whose comings and goings one plugin wants to hear of. Any thread.
final class PluginPresenceWatches: Sendable {
    private struct State {
        var users: Set<ByteString> = []
        var bytes = 0
        var everybody = false
        var refused: UInt64 = 0
    }

    let limit: Int
    /// Of all ids together.
    let byteLimit: Int
    private let state = Mutex(State())

    init(limit: Int, byteLimit: Int) {
        self.limit = limit
        self.byteLimit = byteLimit
    }

    /// Watches beyond a limit, ever.
    var refused: UInt64 { state.withLock { $0.refused } }

    /// - Parameter user: empty for everybody.
    /// - Returns: `false` beyond a limit.
    func watch(_ user: ByteString) -> Bool {
        state.withLock { state in
            if user.isEmpty {
                state.everybody = true
            } else if !state.users.contains(user) {
                let bytes = state.bytes + user.utf8.count
                guard state.users.count < limit, bytes <= byteLimit else {
                    state.refused += 1
                    return false
                }
                state.users.insert(user)
                state.bytes = bytes
            }
            return true
        }
    }

    func unwatch(_ user: ByteString) {
        state.withLock { state in
            if user.isEmpty {
                state.everybody = false
            } else if state.users.remove(user) != nil {
                state.bytes -= user.utf8.count
            }
        }
    }

    func contains(_ user: ByteString) -> Bool { state.withLock { $0.everybody || $0.users.contains(user) } }
}
