import Support
import Synchronization

/// The ``PresenceTable`` of a node, shared by all its event loops. [any-thread]
///
/// The lock is held for one constant-time operation of the table, on connect, disconnect and queries, never while a
/// message is delivered.
///
/// One handler receives all changes, *in the order in which they happened, one call at a time*: an online change cannot
/// be overtaken by the offline change that follows it on another thread. The handler runs on the first thread that has
/// a change to deliver, outside the lock. It may call the service, but must not block, since the callers are event
/// loops.
///
/// Offline changes are only delivered by ``expire(now:)``: the owner calls it at about ``nextDeadline(now:)``, for
/// instance from a repeating timer.
public final class PresenceService: Sendable {
    private struct State {
        var table: PresenceTable
        /// Changes that are not delivered yet, in order.
        var outbox: [PresenceChange] = []
        /// Whether a thread is calling the handler. That thread also delivers the changes that others add meanwhile.
        var isDelivering = false
    }

    private let state: Mutex<State>
    private let onChanges: @Sendable ([PresenceChange]) -> Void

    /// - Parameters:
    ///   - gracePeriod, offlineLimit: see ``PresenceTable/init(gracePeriod:offlineLimit:)``.
    ///   - onChanges: receives each change once; the array is never empty.
    public init(
        gracePeriod: Int64 = PresenceTable.defaultGracePeriod, offlineLimit: Int = PresenceTable.defaultOfflineLimit,
        onChanges: @escaping @Sendable ([PresenceChange]) -> Void
    ) {
        state = Mutex(State(table: PresenceTable(gracePeriod: gracePeriod, offlineLimit: offlineLimit)))
        self.onChanges = onChanges
    }

    /// Records a socket of `user` on `connection`. Each call needs a matching ``disconnect(_:connection:now:)``.
    public func connect(_ user: ByteString, connection: UInt64, now: Int64) {
        change { state in
            if let change = state.table.connect(user, connection: connection, now: now) { state.outbox.append(change) }
        }
    }

    /// Removes a socket of `user` on `connection`. Ignored if ``connect(_:connection:now:)`` did not record it.
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

    /// When ``expire(now:)`` will have a change to deliver, in milliseconds since 1970; `nil` if no user is in the
    /// grace period.
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

    /// The status of each of `users`, in their order, all at the same moment. The lock is held for all of them, so the
    /// caller must limit their number.
    public func snapshot(_ users: [ByteString]) -> [PresenceStatus] {
        state.withLock { $0.table.snapshot(users) }
    }

    /// Number of users who are online, including those in their grace period.
    public var onlineCount: Int {
        state.withLock { $0.table.onlineCount }
    }

    /// Number of offline users that were forgotten because of the limit.
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

    /// The changes that the calling thread must deliver; empty if another thread is delivering.
    private static func drainOutbox(_ state: inout State) -> [PresenceChange] {
        guard !state.isDelivering, !state.outbox.isEmpty else { return [] }
        state.isDelivering = true
        defer { state.outbox = [] }
        return state.outbox
    }
}
