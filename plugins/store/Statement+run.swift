import GRDB
import GRDBSQLite
import JackfieldPlugin

/// Functions to run prepared statements. All arguments and results must go through them; GRDB only prepares and caches
/// the statements.
///
/// GRDB's own arguments and rows treat text as a C string, which ends at its first NUL: a user "alice\0x" would read
/// alice's rows. Here text has a length. These functions are faster, too: for the row of a push or a message, GRDB's
/// argument lists and cursors cost as much as SQLite's own work.
extension Statement {
    /// The value of a `?`.
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
        // The bindings need not be cleared: they are copies, and the next run replaces all of them.
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
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)  // SQLITE_TRANSIENT
        // SQLite would bind NULL for a nil address.
        guard let start = utf8.baseAddress else { return sqlite3_bind_text(sqliteStatement, index, "", 0, copied) }
        return sqlite3_bind_text(
            sqliteStatement, index, start.assumingMemoryBound(to: CChar.self), CInt(utf8.count), copied)
    }

    private var failure: DatabaseError {
        let connection = sqlite3_db_handle(sqliteStatement)
        return DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)),
            message: String(cString: sqlite3_errmsg(connection)), sql: sql)
    }
}

/// The current row of a statement; columns count from 0. Valid only during the call that it is passed to.
public struct ResultRow {
    let statement: SQLiteStatement

    public func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, CInt(column)) == SQLITE_NULL }

    /// The whole text, including NULs. NULL is "".
    public func text(_ column: Int) -> String { withBytes(column) { String(decoding: $0, as: UTF8.self) } }

    public func textIfPresent(_ column: Int) -> String? { isNull(column) ? nil : text(column) }

    /// NULL is 0.
    public func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, CInt(column)) }

    public func integerIfPresent(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }

    /// JSON that was checked before it was stored.
    public func json(_ column: Int) -> JSON? { textIfPresent(column).map { .stored($0) } }

    private func withBytes<Value>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        // The order of these calls matters: sqlite3_column_bytes returns the length of the text that
        // sqlite3_column_text made.
        let start = sqlite3_column_text(statement, CInt(column))
        return body(
            UnsafeBufferPointer(
                start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(statement, CInt(column)))))
    }
}
