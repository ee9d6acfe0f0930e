import GRDB

/// The tables and their migrations. A released migration must not change.
enum RoomSchema {
    static var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 rooms") { db in
            try db.execute(
                sql: """
                    CREATE TABLE room (
                        id TEXT PRIMARY KEY NOT NULL,
                        name TEXT NOT NULL,
                        created_by TEXT NOT NULL,
                        created_at INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    -- Clustered by room: a page of history reads neighbours.
                    CREATE TABLE message (
                        room TEXT NOT NULL REFERENCES room (id),
                        id TEXT NOT NULL,
                        user TEXT NOT NULL,
                        body TEXT NOT NULL,
                        at INTEGER NOT NULL,
                        PRIMARY KEY (room, id)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}
