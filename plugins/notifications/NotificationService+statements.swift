import GRDB
import JackfieldPlugin
import PluginStore

/// The single statements, each inside a transaction of the caller's.
extension NotificationService {
    static func insert(_ row: NotificationRow, _ db: Database) throws {
        try db.cachedStatement(
            sql: "INSERT INTO notification (id, user_id, type, title, body, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        ).run(
            .text(row.id), .text(row.draft.userID), .text(row.draft.type), .text(row.draft.title), .optional(row.draft.body),
            .optional(row.draft.data?.bytes), .integer(row.createdAt))
    }

    static func row(_ id: String, of user: String, _ db: Database) throws -> NotificationRow? {
        try db.cachedStatement(sql: "SELECT \(NotificationRow.columns) FROM notification WHERE user_id = ? AND id = ?")
            .fetch(.text(user), .text(id), as: NotificationRow.init).first
    }

    /// 1 if it was unread, else 0.
    static func markRead(_ id: String, of user: String, now: Int64, _ db: Database) throws -> Int {
        try db.cachedStatement(
            sql: """
                UPDATE notification SET read_at = ?1, seen_at = coalesce(seen_at, ?1)
                WHERE user_id = ?2 AND id = ?3 AND read_at IS NULL
                """
        ).run(.integer(now), .text(user), .text(id))
        return db.changesCount
    }

    /// How many there were.
    static func markAllRead(of user: String, now: Int64, _ db: Database) throws -> Int {
        try db.cachedStatement(
            sql: "UPDATE notification SET read_at = ?1, seen_at = coalesce(seen_at, ?1) WHERE user_id = ?2 AND read_at IS NULL"
        ).run(.integer(now), .text(user))
        return db.changesCount
    }

    static func unread(of user: String, _ db: Database) throws -> Int {
        Int(try db.cachedStatement(sql: "SELECT count FROM unread WHERE user_id = ?").run(.text(user)) ?? 0)
    }

    /// The count after the change; never below zero.
    static func changeUnread(of user: String, by change: Int, _ db: Database) throws -> Int {
        let count = try db.cachedStatement(
            sql: """
                INSERT INTO unread (user_id, count) VALUES (?1, max(0, ?2))
                ON CONFLICT (user_id) DO UPDATE SET count = max(0, count + ?2) RETURNING count
                """
        ).run(.text(user), .integer(Int64(change)))
        return Int(count ?? 0)
    }

    /// The answer that this key got before; nil if it is new or has expired. Another request under the same key is 422.
    static func replay(_ key: IdempotencyKey, _ draft: NotificationDraft, now: Int64, _ db: Database) throws -> CreatedNotification? {
        let found = try db.cachedStatement(sql: "SELECT user_id, id, delivered FROM idempotency WHERE sender = ? AND key = ? AND created_at >= ?")
            .fetch(.text(key.sender), .text(key.key), .integer(now - IdempotencyKey.lifetime)) { row in
                (user: row.text(0), id: row.text(1), delivered: row.integer(2) != 0)
            }.first
        guard let found, let row = try row(found.id, of: found.user, db) else { return nil }
        guard row.draft == draft else {
            throw Problem(422, "idempotency_mismatch", "this Idempotency-Key was used for another notification; use a new key for each")
        }
        // As it was answered then: seen and read came later.
        return CreatedNotification(row: NotificationRow(id: row.id, draft: row.draft, createdAt: row.createdAt), delivered: found.delivered, unread: nil)
    }

    /// Replaces an expired key.
    static func remember(_ key: IdempotencyKey, _ row: NotificationRow, delivered: Bool, _ db: Database) throws {
        try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO idempotency (sender, key, user_id, id, delivered, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        ).run(.text(key.sender), .text(key.key), .text(row.draft.userID), .text(row.id), .integer(delivered ? 1 : 0), .integer(row.createdAt))
    }
}
