import GRDB
import JackfieldPlugin
import PluginStore

/// The single statements, each inside a transaction of the caller's.
extension NotificationService {
    static func insert(_ row: NotificationRow, _ db: Database) throws {
        try db.cachedStatement(
            sql: "INSERT INTO notification (id, user_id, type, title, body, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        ).run(
            .text(row.id), .text(row.draft.userID), .text(row.draft.type), .text(row.draft.title), row.draft.body.map { .text($0) } ?? .null,
            row.draft.data.map { .json($0.bytes) } ?? .null, .integer(row.createdAt))
    }

    static func row(_ id: String, of user: String, _ db: Database) throws -> NotificationRow? {
        try Row.fetchOne(
            db.cachedStatement(sql: "SELECT \(NotificationRow.columns) FROM notification WHERE user_id = ? AND id = ?"),
            arguments: [user, id]
        ).map(NotificationRow.init)
    }

    /// 1 if it was unread, else 0.
    static func markRead(_ id: String, of user: String, now: Int64, _ db: Database) throws -> Int {
        try db.cachedStatement(
            sql: """
                UPDATE notification SET read_at = ?1, seen_at = coalesce(seen_at, ?1)
                WHERE user_id = ?2 AND id = ?3 AND read_at IS NULL
                """
        ).execute(arguments: [now, user, id])
        return db.changesCount
    }

    static func unread(of user: String, _ db: Database) throws -> Int {
        try Int.fetchOne(db.cachedStatement(sql: "SELECT count FROM unread WHERE user_id = ?"), arguments: [user]) ?? 0
    }

    /// The count after the change.
    static func changeUnread(of user: String, by change: Int, _ db: Database) throws -> Int {
        let count = try db.cachedStatement(
            sql: """
                INSERT INTO unread (user_id, count) VALUES (?1, ?2)
                ON CONFLICT (user_id) DO UPDATE SET count = count + ?2 RETURNING count
                """
        ).run(.text(user), .integer(Int64(change)))
        return Int(count ?? 0)
    }

    /// The answer that this key got before; nil if it is new or has expired. Another request under the same key is 422.
    static func replay(_ key: IdempotencyKey, _ draft: Draft, now: Int64, _ db: Database) throws -> Created? {
        let found = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT user_id, id, delivered FROM idempotency WHERE sender = ? AND key = ? AND created_at >= ?"),
            arguments: [key.sender, key.key, now - IdempotencyKey.lifetime])
        guard let found, let row = try row(found[1], of: found[0], db) else { return nil }
        guard row.draft == draft else {
            throw Problem(422, "idempotency_mismatch", "this Idempotency-Key was used for another notification; use a new key for each")
        }
        // As it was answered then: seen and read came later.
        return Created(row: NotificationRow(id: row.id, draft: row.draft, createdAt: row.createdAt), delivered: found[2], unread: nil)
    }

    /// Replaces an expired key.
    static func remember(_ key: IdempotencyKey, _ row: NotificationRow, delivered: Bool, _ db: Database) throws {
        try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO idempotency (sender, key, user_id, id, delivered, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [key.sender, key.key, row.draft.userID, row.id, delivered, row.createdAt])
    }
}
