import GRDB
import GRDBSQLite
import JackfieldPlugin

/// The row at which a statement stands, columns from 0. Valid until the statement moves on, so only for the call it is passed to.
public struct ResultRow {
    let statement: SQLiteStatement

    public func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement, CInt(column)) == SQLITE_NULL }

    /// As long as it was stored. NULL is "".
    public func text(_ column: Int) -> String { withBytes(column) { String(decoding: $0, as: UTF8.self) } }

    public func textIfPresent(_ column: Int) -> String? { isNull(column) ? nil : text(column) }

    /// NULL is 0.
    public func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement, CInt(column)) }

    public func integerIfPresent(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }

    /// JSON that was checked when it was stored.
    public func json(_ column: Int) -> JSON? { textIfPresent(column).map { .stored($0) } }

    private func withBytes<Value>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        // The length belongs to the text that this call has made ready, so in this order.
        let start = sqlite3_column_text(statement, CInt(column))
        return body(UnsafeBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(statement, CInt(column)))))
    }
}
