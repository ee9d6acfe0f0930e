import GRDB
import JackfieldPlugin
import PluginStore
import Support

/// The plain service: notifications in a store. It knows no socket; ``NotificationSockets`` wraps it.
///
/// Writes are committed in groups and complete on a thread of the store; reads block.
final class NotificationService: Sendable {
    private let store: GroupCommitStore
    private let ids = TimeOrderedID()
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - clock: milliseconds since 1970-01-01 UTC.
    ///   - report: a line for the operator, when the store ceases to work and when it works again.
    ///   - batch: what completions that become due at once are called in.
    init(
        _ location: StoreLocation, clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void,
        batch: @escaping @Sendable (() -> Void) -> Void
    ) throws {
        store = try GroupCommitStore(location, migrations: NotificationSchema.migrations, report: report, batch: batch)
        self.clock = clock
    }

    /// Stores a notification. `isOnline` is asked inside the transaction, just before its commit, so it must not block.
    func create(
        _ draft: NotificationDraft, key: IdempotencyKey? = nil, isOnline: @escaping @Sendable (String) -> Bool,
        then completion: @escaping @Sendable (Result<CreatedNotification, any Error>) -> Void
    ) {
        store.write({ [ids, clock] db in
            let now = clock()
            if let key, let earlier = try Self.replay(key, draft, now: now, db) { return earlier }
            // The id is drawn here, on the one thread that writes, so that the order of ids is the order of commits.
            let row = NotificationRow(id: ids.next(now: now), draft: draft, createdAt: now)
            try Self.insert(row, db)
            let unread = try Self.changeUnread(of: draft.userID, by: 1, db)
            let delivered = isOnline(draft.userID)
            if let key { try Self.remember(key, row, delivered: delivered, db) }
            return CreatedNotification(row: row, delivered: delivered, unread: unread)
        }, then: completion)
    }

    /// A page, the newest first. The rows are as they were before this look at them, so that a client can tell what is new;
    /// ``markSeen(_:of:)`` is the second step.
    func list(of user: String, status: NotificationStatus, page: PageQuery) throws -> Page<NotificationRow> {
        let rows = try store.read { db in
            let sql = """
                SELECT \(NotificationRow.columns) FROM notification
                WHERE user_id = ? AND id < ? \(status.condition) ORDER BY id DESC LIMIT ?
                """
            return try db.cachedStatement(sql: sql).fetch(
                .text(user), .text(page.after ?? Self.afterAllIDs), .integer(Int64(page.limit + 1)), as: NotificationRow.init)
        }
        return Page(rows, limit: page.limit, id: \.id)
    }

    /// Notes that the user was given these rows. Nobody waits for it: if the store is overloaded, the next list does it.
    func markSeen(_ rows: [NotificationRow], of user: String) {
        let unseen = rows.filter { $0.seenAt == nil }.map(\.id)
        guard !unseen.isEmpty else { return }
        store.write({ [clock] db in
            let statement = try db.cachedStatement(
                sql: "UPDATE notification SET seen_at = ? WHERE user_id = ? AND id = ? AND seen_at IS NULL")
            for id in unseen { try statement.run(.integer(clock()), .text(user), .text(id)) }
        }, then: { _ in })
    }

    /// Marks the user's own notifications read. What is read already stays as it is. One unknown id is 404; among several,
    /// unknown ones are passed over.
    func markRead(
        _ target: ReadTarget, of user: String, then completion: @escaping @Sendable (Result<ReadOutcome, any Error>) -> Void
    ) {
        store.write({ [clock] db in
            let now = clock()
            var updated = 0
            switch target {
            case .one(let id):
                guard TimeOrderedID.isValid(id), try Self.row(id, of: user, db) != nil else {
                    throw Problem.notFound("you have no notification '\(id)'")
                }
                updated = try Self.markRead(id, of: user, now: now, db)
            case .some(let ids):
                for id in ids where TimeOrderedID.isValid(id) { updated += try Self.markRead(id, of: user, now: now, db) }
            case .all:
                updated = try Self.markAllRead(of: user, now: now, db)
            }
            let unread = updated == 0 ? try Self.unread(of: user, db) : try Self.changeUnread(of: user, by: -updated, db)
            var row: NotificationRow?
            if case .one(let id) = target { row = try Self.row(id, of: user, db) }
            return ReadOutcome(updated: updated, unread: unread, row: row)
        }, then: completion)
    }

    /// How many are unread.
    func count(of user: String) throws -> Int { try store.read { try Self.unread(of: user, $0) } }

    /// Forgets idempotency keys that have outlived themselves, some thousand at a time.
    func forgetOldKeys() {
        store.write({ [clock] db in
            try db.cachedStatement(
                sql: """
                    DELETE FROM idempotency WHERE (sender, key) IN
                        (SELECT sender, key FROM idempotency WHERE created_at < ? ORDER BY created_at LIMIT 5000)
                    """
            ).run(.integer(clock() - IdempotencyKey.lifetime))
        }, then: { _ in })
    }

    func check() throws { try store.check() }

    func close() { store.close() }

    /// Sorts behind every hexadecimal id.
    private static let afterAllIDs = "g"
}
