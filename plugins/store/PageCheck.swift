import Foundation
import GRDB
import GRDBSQLite

/// Looks through the pages of a database for broken ones, as far as it gets in a second: a large database must not keep the plugin from its work.
enum PageCheck {
    /// Seconds.
    private static let budget = 1.0

    /// Throws `SQLITE_CORRUPT` with what was found first.
    static func run(_ db: Database) throws {
        var deadline = Date().addingTimeInterval(budget)
        let finding = try withUnsafeMutablePointer(to: &deadline) { deadline in
            // Called every 10,000 steps of SQLite's machine, some hundred microseconds.
            sqlite3_progress_handler(db.sqliteConnection, 10_000, { $0!.assumingMemoryBound(to: Date.self).pointee < Date() ? 1 : 0 }, deadline)
            defer { sqlite3_progress_handler(db.sqliteConnection, 0, nil, nil) }
            do {
                return try db.makeStatement(sql: "PRAGMA quick_check(1)").fetch { $0.text(0) }.first
            } catch let error as DatabaseError where error.resultCode == .SQLITE_INTERRUPT {
                return nil
            }
        }
        if let finding, finding.utf8.elementsEqual("ok".utf8) == false { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: finding) }
    }
}
