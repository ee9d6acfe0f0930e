import GRDB
import JackfieldPlugin
import PluginStore
import Support

/// The plain service: notifications in a store. It does not depend on sockets; ``NotificationSockets`` wraps it.
///
/// Writes are committed in groups, and their completions run on a thread of the store. Reads block.
final class NotificationService: Sendable {
    private let store: GroupCommitStore
    private let ids = TimeOrderedID()
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - clock: milliseconds since 1970-01-01 UTC.
    ///   - report: logs a line for the operator when the store fails and when it works again.
    ///   - batch: calls the completions of one group; ``JackfieldHost/batch(_:)``.
    init(
        _ location: StoreLocation, clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void,
        batch: @escaping @Sendable (() -> Void) -> Void
    ) throws {
        store = try GroupCommitStore(location, migrations: NotificationSchema.migrations, report: report, batch: batch)
        self.clock = clock
    }

    /// Stores a notification. `isOnline` is called inside the transaction, before its commit, so it must not block.
    func create(
        _ draft: NotificationDraft, key: IdempotencyKey? = nil, isOnline: @escaping @Sendable (String) -> Bool,
        then completion: @escaping @Sendable (Result<CreatedNotification, any Error>) -> Void
    ) {
        store.write(
            { [ids, clock] db in
                let now = clock()
                if let key, let earlier = try Self.replay(key, draft, now: now, db) { return earlier }
                // The id is made on the store's only writing thread, so that ids are in the order of commits.
                let row = NotificationRow(id: ids.next(now: now), draft: draft, createdAt: now)
                try Self.insert(row, db)
                let unread = try Self.changeUnread(of: draft.userID, by: 1, db)
                let delivered = isOnline(draft.userID)
                if let key { try Self.remember(key, row, delivered: delivered, db) }
                return CreatedNotification(row: row, delivered: delivered, unread: unread)
            }, then: completion)
    }

    /// A page of notifications, the newest first. This does not mark them seen, so that a client can show which are
    /// new; ``markSeen(_:of:)`` does.
    func list(of user: String, status: NotificationStatus, page: PageQuery) throws -> Page<NotificationRow> {
        let rows = try store.read { db in
            let sql = """
                SELECT \(NotificationRow.columns) FROM notification
                WHERE user_id = ? AND id < ? \(status.condition) ORDER BY id DESC LIMIT ?
                """
            return try db.cachedStatement(sql: sql).fetch(
                .text(user), .text(page.after ?? Self.afterAllIDs), .integer(Int64(page.limit + 1)),
                as: NotificationRow.init)
        }
        return Page(rows, limit: page.limit, id: \.id)
    }

    /// Sets `seen_at` of rows that a list contained. A failure is ignored: the next list sets it.
    func markSeen(_ rows: [NotificationRow], of user: String) {
        let unseen = rows.filter { $0.seenAt == nil }.map(\.id)
        guard !unseen.isEmpty else { return }
        store.write(
            { [clock] db in
                let statement = try db.cachedStatement(
                    sql: "UPDATE notification SET seen_at = ? WHERE user_id = ? AND id = ? AND seen_at IS NULL")
                for id in unseen { try statement.run(.integer(clock()), .text(user), .text(id)) }
            }, then: { _ in })
    }

    /// Marks notifications of the user read. Those that are read already do not change. A single unknown id is 404; of
    /// several ids, unknown ones are ignored.
    func markRead(
        _ target: ReadTarget, of user: String,
        then completion: @escaping @Sendable (Result<ReadOutcome, any Error>) -> Void
    ) {
        store.write(
            { [clock] db in
                let now = clock()
                var updated = 0
                switch target {
                case .one(let id):
                    guard TimeOrderedID.isValid(id), try Self.row(id, of: user, db) != nil else {
                        throw Problem.notFound("you have no notification '\(id)'")
                    }
                    updated = try Self.markRead(id, of: user, now: now, db)
                case .some(let ids):
                    for id in ids where TimeOrderedID.isValid(id) {
                        updated += try Self.markRead(id, of: user, now: now, db)
                    }
                case .all:
                    updated = try Self.markAllRead(of: user, now: now, db)
                }
                let unread =
                    updated == 0 ? try Self.unread(of: user, db) : try Self.changeUnread(of: user, by: -updated, db)
                var row: NotificationRow?
                if case .one(let id) = target { row = try Self.row(id, of: user, db) }
                return ReadOutcome(updated: updated, unread: unread, row: row)
            }, then: completion)
    }

    /// The number of the user's unread notifications.
    func count(of user: String) throws -> Int { try store.read { try Self.unread(of: user, $0) } }

    /// Deletes all expired idempotency keys, ``keysPerDelete`` in each write, so that other writes come between.
    func forgetOldKeys() {
        store.write(
            { [clock] db in try Self.deleteKeys(before: clock() - IdempotencyKey.lifetime, db) },
            then: { [weak self] result in
                if case .success(Self.keysPerDelete) = result { self?.forgetOldKeys() }
            })
    }

    static let keysPerDelete = 5_000

    func check() throws { try store.check() }

    func close() { store.close() }

    /// Sorts after every id, because ids are hexadecimal.
    private static let afterAllIDs = "g"
}

/// The statements. They run inside the caller's transaction.
extension NotificationService {
    static func insert(_ row: NotificationRow, _ db: Database) throws {
        try db.cachedStatement(
            sql:
                "INSERT INTO notification (id, user_id, type, title, body, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        ).run(
            .text(row.id), .text(row.draft.userID), .text(row.draft.type), .text(row.draft.title),
            .optional(row.draft.body),
            .optional(row.draft.data?.bytes), .integer(row.createdAt))
    }

    static func row(_ id: String, of user: String, _ db: Database) throws -> NotificationRow? {
        try db.cachedStatement(sql: "SELECT \(NotificationRow.columns) FROM notification WHERE user_id = ? AND id = ?")
            .fetch(.text(user), .text(id), as: NotificationRow.init).first
    }

    /// Returns 1 if it was unread, else 0.
    static func markRead(_ id: String, of user: String, now: Int64, _ db: Database) throws -> Int {
        try db.cachedStatement(
            sql: """
                UPDATE notification SET read_at = ?1, seen_at = coalesce(seen_at, ?1)
                WHERE user_id = ?2 AND id = ?3 AND read_at IS NULL
                """
        ).run(.integer(now), .text(user), .text(id))
        return db.changesCount
    }

    /// Returns the number of notifications that were unread.
    static func markAllRead(of user: String, now: Int64, _ db: Database) throws -> Int {
        try db.cachedStatement(
            sql:
                "UPDATE notification SET read_at = ?1, seen_at = coalesce(seen_at, ?1) WHERE user_id = ?2 AND read_at IS NULL"
        ).run(.integer(now), .text(user))
        return db.changesCount
    }

    static func unread(of user: String, _ db: Database) throws -> Int {
        Int(try db.cachedStatement(sql: "SELECT count FROM unread WHERE user_id = ?").run(.text(user)) ?? 0)
    }

    /// Returns the count after the change; never below zero.
    static func changeUnread(of user: String, by change: Int, _ db: Database) throws -> Int {
        let count = try db.cachedStatement(
            sql: """
                INSERT INTO unread (user_id, count) VALUES (?1, max(0, ?2))
                ON CONFLICT (user_id) DO UPDATE SET count = max(0, count + ?2) RETURNING count
                """
        ).run(.text(user), .integer(Int64(change)))
        return Int(count ?? 0)
    }

    /// The first answer for this key; nil if the key is new or has expired. Throws 422 for another request with the
    /// same key.
    static func replay(_ key: IdempotencyKey, _ draft: NotificationDraft, now: Int64, _ db: Database) throws
        -> CreatedNotification?
    {
        let found = try db.cachedStatement(
            sql: "SELECT user_id, id, delivered FROM idempotency WHERE sender = ? AND key = ? AND created_at >= ?"
        )
        .fetch(.text(key.sender), .text(key.key), .integer(now - IdempotencyKey.lifetime)) { row in
            (user: row.text(0), id: row.text(1), delivered: row.integer(2) != 0)
        }.first
        guard let found, let row = try row(found.id, of: found.user, db) else { return nil }
        guard row.draft == draft else {
            throw Problem(
                422, "idempotency_mismatch",
                "this Idempotency-Key was used for another notification; use a new key for each")
        }
        // As in the first answer, without `seen_at` and `read_at`.
        return CreatedNotification(
            row: NotificationRow(id: row.id, draft: row.draft, createdAt: row.createdAt), delivered: found.delivered,
            unread: nil)
    }

    /// Stores the answer for a key. Replaces an expired key.
    static func remember(_ key: IdempotencyKey, _ row: NotificationRow, delivered: Bool, _ db: Database) throws {
        try db.cachedStatement(
            sql:
                "INSERT OR REPLACE INTO idempotency (sender, key, user_id, id, delivered, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        ).run(
            .text(key.sender), .text(key.key), .text(row.draft.userID), .text(row.id), .integer(delivered ? 1 : 0),
            .integer(row.createdAt))
    }

    /// Returns the number of keys deleted: at most ``keysPerDelete``, the oldest.
    static func deleteKeys(before moment: Int64, _ db: Database) throws -> Int {
        try db.cachedStatement(
            sql: """
                DELETE FROM idempotency WHERE (sender, key) IN
                    (SELECT sender, key FROM idempotency WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)
                """
        ).run(.integer(moment), .integer(Int64(keysPerDelete)))
        return db.changesCount
    }
}

/// A filter of a list.
enum NotificationStatus: String, Sendable, CaseIterable {
    case all, unread, read

    /// nil is `all`; throws 400 for an unknown status.
    init(_ text: String?) throws(Problem) {
        guard let text else {
            self = .all
            return
        }
        let name = ByteString(text)
        guard let status = Self.allCases.first(where: { ByteString($0.rawValue) == name }) else {
            throw .invalid(
                "status '\(text.cut(to: 64))' is unknown; use \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self = status
    }

    /// Appended to a WHERE clause. Constant text, so no injection is possible.
    var condition: String {
        switch self {
        case .all: ""
        case .unread: "AND read_at IS NULL"
        case .read: "AND read_at IS NOT NULL"
        }
    }
}

/// The result of storing a notification.
struct CreatedNotification: Sendable {
    let row: NotificationRow

    /// Whether the user had a connection when it was committed.
    let delivered: Bool

    /// The number of the user's unread notifications, including this one. nil: nothing was stored, because the answer
    /// to an earlier request is repeated.
    let unread: Int?

    var isReplay: Bool { unread == nil }
}

/// The result of marking notifications read.
struct ReadOutcome: Sendable, Equatable {
    /// The number of notifications that this call marked read.
    let updated: Int

    /// The number of unread notifications of the user now.
    let unread: Int

    /// The row, if the target is one id.
    let row: NotificationRow?
}
