import Foundation
import GRDB
import GRDBSQLite
import JackfieldPlugin
import Synchronization

/// The store itself does not work, whatever is asked of it.
struct StoreFailure: Error, Equatable {
    /// For the operator: what is wrong, and what to do. It follows the path.
    let reason: String

    /// For the clients.
    let problem: Problem

    /// Nothing that happens while the database is open ends it.
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

    /// nil for an error that is the operation's own, such as a broken constraint.
    ///
    /// - Parameter database: that the error comes from, if the caller is on its thread: it knows
    ///   why a system call failed.
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

    /// SQLite knows ENOSPC by itself. There are quotas and limits on a file's size, too.
    private static func lacksRoom(_ database: Database) -> Bool {
        [ENOSPC, EDQUOT, EFBIG].contains(sqlite3_system_errno(database.sqliteConnection))
    }
}

/// Whether the store works, as far as is known. A change is reported once.
final class StoreHealth: Sendable {
    private let state = Mutex<StoreFailure?>(nil)
    private let path: String
    private let report: @Sendable (String) -> Void

    init(_ path: String, report: @escaping @Sendable (String) -> Void) {
        self.path = path
        self.report = report
    }

    /// nil: it works.
    var failure: StoreFailure? { state.withLock { $0 } }

    /// - Parameter failure: nil when something was committed.
    func record(_ failure: StoreFailure?) {
        let isChange = state.withLock { known in
            if known?.isFinal == true || known == failure { return false }
            known = failure
            return true
        }
        if isChange { report(failure.map(words) ?? "config.store '\(path)' works again") }
    }

    /// For the operator.
    func words(for failure: StoreFailure) -> String { "config.store '\(path)': \(failure.reason)" }
}
