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
}
