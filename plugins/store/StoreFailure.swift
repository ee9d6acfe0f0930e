import Foundation
import GRDB
import GRDBSQLite
import JackfieldPlugin
import Synchronization

/// A failure of the whole store, independent of the operation.
struct StoreFailure: Error, Equatable {
    /// What is wrong and what to do, for the operator. ``StoreHealth/words(for:)`` puts the path before it.
    let reason: String

    /// The answer to clients.
    let problem: Problem

    /// The failure lasts until the database is opened again.
    let isFinal: Bool

    private init(
        _ reason: String, _ problem: Problem = .unavailable("the store of this service does not work; try again later"),
        isFinal: Bool = false
    ) {
        self.reason = reason
        self.problem = problem
        self.isFinal = isFinal
    }

    static let moved = StoreFailure(
        "its files were deleted or replaced while they were open; put them back, or restart the daemon to open what is there now"
    )

    static let full = StoreFailure(
        "the disk is full; make room", .insufficientStorage("the disk is full, and nothing was stored; try again later")
    )

    static let readOnly = StoreFailure("the file system is mounted read-only")

    static func malformed(_ words: String) -> StoreFailure {
        StoreFailure("it is malformed (\(words)); restore it from a backup, and restart the daemon", isFinal: true)
    }

    static func taken(by holder: StoreLock.Holder) -> StoreFailure {
        StoreFailure("\(holder) uses it, too; stop one of the two")
    }

    static func other(_ words: String) -> StoreFailure { StoreFailure("it cannot be used: \(words)") }

    /// nil for an error of a single operation, such as a violated constraint.
    ///
    /// - Parameter database: the connection that reported the error, if the caller is on its thread; it has the `errno`
    ///   of a failed system call.
    init?(_ error: any Error, in database: Database? = nil) {
        guard let error = error as? DatabaseError else { return nil }
        let words = error.message ?? "\(error.resultCode)"
        switch error.resultCode.primaryResultCode {
        case .SQLITE_FULL:
            self = .full
        case .SQLITE_IOERR where database.map(Self.lacksRoom) == true:
            self = .full
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self = .malformed(words)
        case .SQLITE_IOERR, .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_BUSY, .SQLITE_LOCKED,
            .SQLITE_PROTOCOL, .SQLITE_NOLFS, .SQLITE_NOMEM:
            self = .other(words)
        default:
            return nil
        }
    }

    /// Whether the disk, a quota or the limit of a file's size is exhausted. SQLite reports only ENOSPC as
    /// `SQLITE_FULL`.
    private static func lacksRoom(_ database: Database) -> Bool {
        [ENOSPC, EDQUOT, EFBIG].contains(sqlite3_system_errno(database.sqliteConnection))
    }
}

/// The last known state of the store. Reports each change once. Any thread.
final class StoreHealth: Sendable {
    private let state = Mutex<StoreFailure?>(nil)
    private let path: String
    private let report: @Sendable (String) -> Void

    init(_ path: String, report: @escaping @Sendable (String) -> Void) {
        self.path = path
        self.report = report
    }

    /// nil: the store works.
    var failure: StoreFailure? { state.withLock { $0 } }

    /// - Parameter failure: nil after a commit.
    func record(_ failure: StoreFailure?) {
        let isChange = state.withLock { known in
            if known?.isFinal == true || known == failure { return false }
            known = failure
            return true
        }
        if isChange { report(failure.map(words) ?? "config.store '\(path)' works again") }
    }

    /// The message for the operator.
    func words(for failure: StoreFailure) -> String { "config.store '\(path)': \(failure.reason)" }
}
