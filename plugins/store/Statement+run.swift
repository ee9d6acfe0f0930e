import GRDB
import GRDBSQLite

/// GRDB prepares the statements and keeps them; what is bound to them and what they return goes through these functions, always.
///
/// GRDB's own arguments and rows take text for a C string, which ends at its first NUL: a user named "alice\0x" would read what is alice's. Here text has
/// a length. They are faster, too: GRDB's lists of arguments and its cursors cost as much as SQLite's own work for the row of a push or a message.
extension Statement {
    /// What stands for a `?`.
    public enum Argument {
        case text(String)
        case json([UInt8])
        case integer(Int64)
        case null

        /// nil is NULL.
        public static func optional(_ text: String?) -> Argument { text.map { .text($0) } ?? .null }

        /// nil is NULL.
        public static func optional(_ json: [UInt8]?) -> Argument { json.map { .json($0) } ?? .null }
    }

    /// Runs the statement to its end.
    ///
    /// - Returns: the first column of the first row, as a whole number; nil if there is no row.
    @discardableResult
    public func run(_ arguments: Argument...) throws -> Int64? {
        var first: Int64?
        try step(arguments) { row in if first == nil { first = row.integer(0) } }
        return first
    }

    /// Runs the statement to its end and reads each row.
    public func fetch<Value>(_ arguments: Argument..., as value: (ResultRow) throws -> Value) throws -> [Value] {
        var values: [Value] = []
        try step(arguments) { row in values.append(try value(row)) }
        return values
    }

    private func step(_ arguments: [Argument], _ body: (ResultRow) throws -> Void) throws {
        // What is bound is copied, and the next run binds everything anew.
        defer { sqlite3_reset(sqliteStatement) }
        for (index, argument) in arguments.enumerated() {
            guard bind(argument, at: CInt(index + 1)) == SQLITE_OK else { throw failure }
        }
        while true {
            switch sqlite3_step(sqliteStatement) {
            case SQLITE_ROW: try body(ResultRow(statement: sqliteStatement))
            case SQLITE_DONE: return
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
