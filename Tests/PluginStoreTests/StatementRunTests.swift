import GRDB
import PluginStore
import Testing

@Suite struct StatementRunTests {
    private func withDatabase(_ body: (Database) throws -> Void) throws {
        try DatabaseQueue().write { db in
            try db.execute(sql: "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data TEXT)")
            try body(db)
        }
    }

    @Test func `what is bound is stored as it is, the empty text too`() throws {
        try withDatabase { db in
            let insert = try db.cachedStatement(sql: "INSERT INTO item (id, name, data) VALUES (?, ?, ?)")
            try insert.run(.integer(.max), .text("ä\u{1F600}"), .json(Array(#"{"a":1}"#.utf8)))
            try insert.run(.integer(-1), .text(""), .null)
            let rows = try Row.fetchAll(db, sql: "SELECT id, name, data, typeof(name), typeof(data) FROM item ORDER BY id")
            #expect(rows.count == 2)
            #expect(rows[0][0] == Int64(-1) && rows[0][1] == "" && rows[0][3] == "text" && rows[0][4] == "null")
            #expect(rows[1][0] == Int64.max && rows[1][1] == "ä\u{1F600}" && rows[1][2] == #"{"a":1}"# && rows[1][4] == "text")
        }
    }

    @Test func `the first number of the first row comes back, or nil without a row`() throws {
        try withDatabase { db in
            let insert = try db.cachedStatement(sql: "INSERT INTO item (name) VALUES (?) RETURNING id * 10, name")
            #expect(try insert.run(.text("a")) == 10)
            #expect(try insert.run(.text("b")) == 20)
            #expect(try db.cachedStatement(sql: "SELECT id FROM item WHERE name = ?").run(.text("c")) == nil)
            #expect(try db.cachedStatement(sql: "SELECT id FROM item ORDER BY id").run() == 1)
        }
    }

    @Test func `a failure is SQLite's own, and the statement works on`() throws {
        try withDatabase { db in
            let insert = try db.cachedStatement(sql: "INSERT INTO item (name) VALUES (?)")
            try insert.run(.text("a"))
            #expect { try insert.run(.text("a")) } throws: { error in
                let error = error as? DatabaseError
                return error?.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE && error?.message == "UNIQUE constraint failed: item.name"
            }
            try insert.run(.text("b"))
            // More arguments than places.
            #expect(throws: DatabaseError.self) { try insert.run(.text("c"), .null) }
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM item") == 2)
        }
    }
}
