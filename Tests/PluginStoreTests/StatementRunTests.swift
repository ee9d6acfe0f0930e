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

    @Test func `arguments are stored unchanged, also the empty text`() throws {
        try withDatabase { db in
            let insert = try db.cachedStatement(sql: "INSERT INTO item (id, name, data) VALUES (?, ?, ?)")
            try insert.run(.integer(.max), .text("ä\u{1F600}"), .json(Array(#"{"a":1}"#.utf8)))
            try insert.run(.integer(-1), .text(""), .null)
            let rows = try Row.fetchAll(
                db, sql: "SELECT id, name, data, typeof(name), typeof(data) FROM item ORDER BY id")
            #expect(rows.count == 2)
            #expect(rows[0][0] == Int64(-1) && rows[0][1] == "" && rows[0][3] == "text" && rows[0][4] == "null")
            #expect(
                rows[1][0] == Int64.max && rows[1][1] == "ä\u{1F600}" && rows[1][2] == #"{"a":1}"#
                    && rows[1][4] == "text")
        }
    }

    @Test func `text with a NUL is stored and read whole`() throws {
        try withDatabase { db in
            let insert = try db.cachedStatement(sql: "INSERT INTO item (id, name, data) VALUES (?, ?, ?)")
            try insert.run(.integer(1), .text("alice"), .null)
            try insert.run(.integer(2), .text("alice\0x"), .text("a\0b"))
            let find = try db.cachedStatement(sql: "SELECT id, name, data FROM item WHERE name = ?")
            let found = try ["alice", "alice\0x", "alice\0", "alice\0y"].map { name in
                try find.fetch(.text(name)) { row in "\(row.integer(0)) \(row.text(1)) \(row.text(2))" }
            }
            #expect(found == [["1 alice "], ["2 alice\0x a\0b"], [], []])
        }
    }

    @Test func `canonically equivalent texts are different`() throws {
        try withDatabase { db in
            let insert = try db.cachedStatement(sql: "INSERT INTO item (id, name) VALUES (?, ?)")
            try insert.run(.integer(1), .text("\u{212A}"))
            try insert.run(.integer(2), .text("K"))
            #expect(try db.cachedStatement(sql: "SELECT id FROM item WHERE name = ?").run(.text("\u{212A}")) == 1)
        }
    }

    @Test func `columns are read as they are stored, and NULL differs from empty`() throws {
        try withDatabase { db in
            try db.execute(sql: "INSERT INTO item VALUES (7, '', NULL), (8, 'b', '[1]')")
            let rows = try db.cachedStatement(sql: "SELECT name, data, id, data FROM item ORDER BY id").fetch { row in
                (row.text(0), row.isNull(1) ? nil : row.text(1), row.integer(2), row.json(3)?.description)
            }
            #expect(rows.count == 2)
            #expect(rows[0] == ("", nil, 7, nil))
            #expect(rows[1] == ("b", "[1]", 8, "[1]"))
        }
    }

    @Test func `run returns the first number of the first row, or nil without a row`() throws {
        try withDatabase { db in
            let insert = try db.cachedStatement(sql: "INSERT INTO item (name) VALUES (?) RETURNING id * 10, name")
            #expect(try insert.run(.text("a")) == 10)
            #expect(try insert.run(.text("b")) == 20)
            #expect(try db.cachedStatement(sql: "SELECT id FROM item WHERE name = ?").run(.text("c")) == nil)
            #expect(try db.cachedStatement(sql: "SELECT id FROM item ORDER BY id").run() == 1)
        }
    }

    @Test func `a failure is SQLite's error, and the statement can be run again`() throws {
        try withDatabase { db in
            let insert = try db.cachedStatement(sql: "INSERT INTO item (name) VALUES (?)")
            try insert.run(.text("a"))
            #expect { try insert.run(.text("a")) } throws: { error in
                let error = error as? DatabaseError
                return error?.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE
                    && error?.message == "UNIQUE constraint failed: item.name"
            }
            try insert.run(.text("b"))
            // More arguments than parameters.
            #expect(throws: DatabaseError.self) { try insert.run(.text("c"), .null) }
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM item") == 2)
        }
    }
}
