import Support
import Synchronization

/// The one ``PresenceTable`` of a node, shared by all its event loops.
///
/// Every function is safe on any thread. The lock is held for one constant-time operation of the table, on connect,
/// disconnect and questions, never on a message's way.
///
/// Changes go to one handler, *in the order they happened and one call at a time*: an online change can never be
/// overtaken by the offline change that followed it on another thread. The handler runs on whichever thread is first to
/// have something to deliver, never under the lock, so it may ask the service or even change it; it should not wait,
/// since callers are event loops.
///
/// Offline changes need someone to call ``expire(now:)`` at about ``nextDeadline(now:)``; a repeating timer does.
public final class PresenceService: Sendable {
    private struct State {
        var table: PresenceTable
        /// Changes in order, not delivered yet.
        var outbox: [PresenceChange] = []
        /// Whether some thread is in the handler. It will come back for what others leave in the outbox.
        var isDelivering = false
    }

    private let state: Mutex<State>
    private let onChanges: @Sendable ([PresenceChange]) -> Void

    /// - Parameters:
    ///   - gracePeriod, offlineLimit: see ``PresenceTable/init(gracePeriod:offlineLimit:)``.
    ///   - onChanges: receives every change once; the array is never empty.
    public init(
        gracePeriod: Int64 = PresenceTable.defaultGracePeriod, offlineLimit: Int = PresenceTable.defaultOfflineLimit,
        onChanges: @escaping @Sendable ([PresenceChange]) -> Void
    ) {
        state = Mutex(State(table: PresenceTable(gracePeriod: gracePeriod, offlineLimit: offlineLimit)))
        self.onChanges = onChanges
    }

    /// A socket of `user` has come up on `connection`. Each call needs its ``disconnect(_:connection:now:)``.
    public func connect(_ user: ByteString, connection: UInt64, now: Int64) {
        change { state in
            if let change = state.table.connect(user, connection: connection, now: now) { state.outbox.append(change) }
        }
    }

    /// A socket of `user` on `connection` is gone. Ignored if none had come up.
    public func disconnect(_ user: ByteString, connection: UInt64, now: Int64) {
        change { state in
            if let change = state.table.disconnect(user, connection: connection, now: now) {
                state.outbox.append(change)
            }
        }
    }

    /// Delivers the offline changes of users whose grace period has ended by `now`.
    public func expire(now: Int64) {
        change { $0.outbox += $0.table.due(now: now) }
    }

    /// When ``expire(now:)`` will have something to deliver, in milliseconds since 1970; `nil` if nobody is leaving.
    public func nextDeadline(now: Int64) -> Int64? {
        state.withLock { $0.table.nextDeadline(now: now) }
    }

    public func isOnline(_ user: ByteString) -> Bool {
        state.withLock { $0.table.isOnline(user) }
    }

    public func connections(of user: ByteString) -> Int {
        state.withLock { $0.table.connections(of: user) }
    }

    public func status(of user: ByteString) -> PresenceStatus {
        state.withLock { $0.table.status(of: user) }
    }

    /// One status for each of `users`, in their order, all of the same moment. The lock is held for all of
    /// them: bound their number.
    public func snapshot(_ users: [ByteString]) -> [PresenceStatus] {
        state.withLock { $0.table.snapshot(users) }
    }

    /// Users who are online now, those in their grace period included.
    public var onlineCount: Int {
        state.withLock { $0.table.onlineCount }
    }

    /// Offline users who were forgotten to keep within the limit, since the beginning.
    public var forgottenCount: UInt64 {
        state.withLock { $0.table.forgottenCount }
    }

    private func change(_ body: (inout State) -> Void) {
        var changes = state.withLock { state in
            body(&state)
            return Self.drainOutbox(&state)
        }
        while !changes.isEmpty {
            onChanges(changes)
            changes = state.withLock { state in
                state.isDelivering = false
                return Self.drainOutbox(&state)
            }
        }
    }

    /// The changes that the calling thread must deliver: none if another is at it.
    private static func drainOutbox(_ state: inout State) -> [PresenceChange] {
        guard !state.isDelivering, !state.outbox.isEmpty else { return [] }
        state.isDelivering = true
        defer { state.outbox = [] }
        return state.outbox
    }
}
