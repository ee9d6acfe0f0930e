import GRDB
import GRDBSQLite

/// For the statements of every push and every message: GRDB prepares and keeps them, but its lists of arguments and its cursors cost as much as SQLite's own
/// work for such a row.
extension Statement {
    /// What stands for a `?`.
    public enum Argument {
        case text(String)
        case json([UInt8])
        case integer(Int64)
        case null
    }

    /// Runs the statement to its end.
    ///
    /// - Returns: the first column of the first row, as a whole number; nil if there is no row.
    @discardableResult
    public func run(_ arguments: Argument...) throws -> Int64? {
        // What is bound is copied, and the next run binds everything anew.
        defer { sqlite3_reset(sqliteStatement) }
        for (index, argument) in arguments.enumerated() {
            guard bind(argument, at: CInt(index + 1)) == SQLITE_OK else { throw failure }
        }
        var first: Int64?
        while true {
            switch sqlite3_step(sqliteStatement) {
            case SQLITE_ROW: if first == nil { first = sqlite3_column_int64(sqliteStatement, 0) }
            case SQLITE_DONE: return first
            default: throw failure
            }
        }
    }

    private func bind(_ argument: Argument, at index: CInt) -> CInt {
        switch argument {
        case .text(var text): text.withUTF8 { bind(UnsafeRawBufferPointer($0), at: index) }
        case .json(let json): json.withUnsafeBytes { bind($0, at: index) }
        case .integer(let number): sqlite3_bind_int64(sqliteStatement, index, number)
        case .null: sqlite3_bind_null(sqliteStatement, index)
        }
    }

    private func bind(_ utf8: UnsafeRawBufferPointer, at index: CInt) -> CInt {
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self) // SQLITE_TRANSIENT
        // Without an address SQLite would bind NULL.
        guard let start = utf8.baseAddress else { return sqlite3_bind_text(sqliteStatement, index, "", 0, copied) }
        return sqlite3_bind_text(sqliteStatement, index, start.assumingMemoryBound(to: CChar.self), CInt(utf8.count), copied)
    }

    private var failure: DatabaseError {
        let connection = sqlite3_db_handle(sqliteStatement)
        return DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)), message: String(cString: sqlite3_errmsg(connection)), sql: sql)
    }
}
