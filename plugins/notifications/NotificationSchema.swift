import GRDB

/// The tables and their migrations. A released migration must not change.
enum NotificationSchema {
    static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 notifications") { db in
            try db.execute(
                sql: """
                    -- Clustered by user: a list reads neighbours.
                    CREATE TABLE notification (
                        user_id TEXT NOT NULL,
                        id TEXT NOT NULL,
                        type TEXT NOT NULL,
                        title TEXT NOT NULL,
                        body TEXT,
                        data TEXT,
                        created_at INTEGER NOT NULL,
                        seen_at INTEGER,
                        read_at INTEGER,
                        PRIMARY KEY (user_id, id)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX unread_notification ON notification (user_id, id) WHERE read_at IS NULL;

                    -- Kept beside the rows, in the same transactions: counting would cost more with every unread row.
                    CREATE TABLE unread (
                        user_id TEXT PRIMARY KEY NOT NULL,
                        count INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE idempotency (
                        sender TEXT NOT NULL,
                        key TEXT NOT NULL,
                        user_id TEXT NOT NULL,
                        id TEXT NOT NULL,
                        delivered INTEGER NOT NULL,
                        created_at INTEGER NOT NULL,
                        PRIMARY KEY (sender, key)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX idempotency_by_age ON idempotency (created_at);
                    """)
        }
        // An earlier version stored wrong, even negative, counts for users with a NUL in their names.
        migrator.registerMigration("2 count the unread again") { db in
            try db.execute(
                sql: """
                    DELETE FROM unread;
                    INSERT INTO unread SELECT user_id, count(*) FROM notification WHERE read_at IS NULL GROUP BY user_id;
                    """)
        }
        return migrator
    }
}
