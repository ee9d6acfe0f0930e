import Foundation
import GRDB
import PluginStore
import Testing

@testable import NotificationsPlugin

@Suite struct NotificationSchemaTests {
    @Test func `the migration corrects wrong counts`() throws {
        let database = try DatabaseQueue()
        try NotificationSchema.migrations.migrate(database, upTo: "1 notifications")
        try database.write { db in
            try db.execute(
                sql: """
                    INSERT INTO notification (user_id, id, type, title, created_at, read_at) VALUES
                        ('alice', '1', 't', 'x', 0, NULL), ('alice', '2', 't', 'x', 0, NULL), ('alice', '3', 't', 'x', 0, 7), ('bob', '4', 't', 'x', 0, 7);
                    INSERT INTO unread VALUES ('alice', 3), ('mallory', -1), ('bob', 0);
                    """)
        }
        try NotificationSchema.migrations.migrate(database)
        let counts = try database.write { db in
            try ["alice", "bob", "mallory"].map { try NotificationService.unread(of: $0, db) }
        }
        #expect(counts == [2, 0, 0])
    }

    @Test func `a count never falls below zero`() throws {
        let database = try DatabaseQueue()
        try NotificationSchema.migrations.migrate(database)
        let counts = try database.write { db in
            try [-1, 2, -3].map { try NotificationService.changeUnread(of: "alice", by: $0, db) }
        }
        #expect(counts == [0, 2, 0])
    }

    @Test func `all expired idempotency keys are deleted, however many there are`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "jackfield-keys-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let location = try StoreLocation("sqlite:\(folder.path)/rows.db")
        func open() throws -> NotificationService {
            try NotificationService(
                location, clock: { IdempotencyKey.lifetime + 2 }, report: { _ in }, batch: { $0() })
        }
        try open().close()
        let database = try DatabaseQueue(path: location.path)
        let count = 2 * NotificationService.keysPerDelete + 100
        try await database.write { db in
            for key in 0...count {
                // The last one has not expired.
                try db.execute(
                    sql: "INSERT INTO idempotency VALUES ('shop', ?, 'alice', '1', 0, ?)",
                    arguments: ["\(key)", key == count ? 2 : 1])
            }
        }
        let service = try open()
        service.forgetOldKeys()
        var left = count
        for _ in 0..<1_000 where left > 1 {
            try await Task.sleep(for: .milliseconds(10))
            left = try await database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM idempotency") ?? 0 }
        }
        service.close()
        #expect(left == 1)
    }
}
