import Foundation
import GRDB
import GRDBSQLite
import JackfieldPlugin
import Synchronization

/// A SQLite database whose writes are committed in groups.
///
/// Durability: write-ahead log with `synchronous=FULL`, so a commit is on disk when it returns. That costs one fsync,
/// whatever the number of rows in it; hence one thread takes everything that is waiting into one transaction and
/// commits it. While it waits for the disk the next group collects by itself: no delay, no timer. The answers go out
/// beside it, in the order of commits.
///
/// Reads run beside it, on connections of their own, and see what was committed.
///
/// A write is answered with success only if it can be found at the configured path: files that were deleted or replaced
/// while they were open, and a store that another process has taken, refuse reads and writes with 503 `unavailable`,
/// and a full disk refuses writes with 507 `insufficient_storage`, as long as that lasts. ``check()`` says so.
public final class GroupCommitStore: Sendable {
    /// Operations in one transaction: bounds how long the first of them waits.
    public static let maxGroup = 1024

    /// Operations that wait. Beyond it a write fails at once with 503 `overloaded`.
    public static let maxQueue = 8192

    private let pool: DatabasePool
    private let queue: WriteQueue
    private let files: StoreFiles
    private let health: StoreHealth
    private let ended = DispatchSemaphore(value: 0)
    private let isProbing = Atomic(false)

    /// Opens or makes the database and brings it up to date. Throws a line for the operator.
    ///
    /// - Parameters:
    ///   - report: a line for the operator, when the store ceases to work and when it works again. Called on
    ///     any thread, must not block.
    ///   - batch: what the answers of one group are given in; ``JackfieldHost/batch(_:)``.
    public init(
        _ location: StoreLocation, migrations: DatabaseMigrator, maxQueue: Int = GroupCommitStore.maxQueue,
        report: @escaping @Sendable (String) -> Void, batch: @escaping @Sendable (() -> Void) -> Void
    ) throws {
        let prepared = try location.prepare()
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        do {
            pool = try DatabasePool(path: location.path, configuration: configuration)
            // GRDB sets NORMAL when it turns the log on, and NORMAL may lose the last commits with the power.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try migrations.migrate(pool)
            try pool.writeWithoutTransaction { try PageCheck.run($0) }
        } catch let error as DatabaseError {
            let words = error.message ?? "\(error.resultCode)"
            if error.resultCode == .SQLITE_CORRUPT {
                throw location.failure("'\(location.path)' is malformed: \(words); restore it from a backup")
            }
            throw location.failure(
                "cannot open '\(location.path)': \(words); is it writable, and a database of this plugin?")
        }
        guard let files = StoreFiles(location.path, realPath: prepared.path, lock: prepared.lock) else {
            throw location.failure("'\(location.path)' was deleted while it was being opened")
        }
        self.files = files
        health = StoreHealth(location.path, report: report)
        queue = WriteQueue(limit: maxQueue)
        let thread = Thread { [pool, queue, files, health, ended] in
            // The writer's connection is this thread's as long as it lives: asking for it anew would cost each
            // group more than its BEGIN.
            pool.writeWithoutTransaction { db in
                let answers = CommitCompletions(batch)
                while let group = queue.next(atMost: Self.maxGroup) {
                    answers.complete(group, Self.commit(group, in: db, files, health), isIdle: queue.isEmpty)
                }
                answers.drain()
            }
            ended.signal()
        }
        thread.name = "group commit"
        thread.start()
    }

    /// Lets the thread end by itself. Waiting for it here could be waiting for oneself: the last to
    /// let go may be a completion.
    deinit { _ = queue.close() }

    /// Runs `operation` in the next transaction. `completion` is called exactly once: after the commit, on a
    /// thread of the store, one at a time and in the order of commits; or at once, on this thread, if the queue is
    /// full or the store closed.
    ///
    /// An operation may run twice (a failing neighbour makes the group run again), so it must touch nothing but the
    /// database; and one that throws a ``Problem`` must not have changed anything before.
    public func write<Value: Sendable>(
        _ operation: @escaping @Sendable (Database) throws -> Value,
        then completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        if let refused = queue.add(PendingWrite(operation, completion)) { completion(.failure(refused)) }
    }

    /// Reads what was committed. Blocks: not for a handler that runs inline.
    public func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
        do {
            try files.check()
            return try pool.read(body)
        } catch {
            guard let failure = error as? StoreFailure ?? StoreFailure(error) else { throw error }
            health.record(failure)
            throw failure.problem
        }
    }

    /// Throws a line for the operator if the store cannot be read or written. Blocks as ``read(_:)`` does.
    public func check() throws {
        do throws(StoreFailure) {
            try files.check()
            try files.checkRoom()
        } catch {
            health.record(error)
        }
        if let failure = health.failure {
            probe()
            throw Problem(503, "unavailable", health.words(for: failure))
        }
        try read { _ = try Int.fetchOne($0, sql: "SELECT 1 FROM sqlite_schema LIMIT 1") }
    }

    /// Commits and answers what waits, and ends the thread. Later writes fail.
    public func close() {
        guard queue.close() else { return }
        ended.wait()
        try? pool.close()
    }

    /// Finds out whether the store works again, where nobody else writes: by a commit that changes nothing.
    private func probe() {
        guard !isProbing.exchange(true, ordering: .relaxed) else { return }
        write(
            { try $0.execute(sql: "PRAGMA user_version = 0") },
            then: { [weak self] _ in self?.isProbing.store(false, ordering: .relaxed) })
    }

    /// What became of each write: nil if it is on disk, or has its own answer.
    private static func commit(
        _ group: [any AnyPendingWrite], in db: Database, _ files: StoreFiles, _ health: StoreHealth
    ) -> [(any Error)?] {
        do throws(StoreFailure) {
            // Nothing more goes where nobody would find it.
            if health.failure != nil { try files.check() }
            let failures = try GroupCommit.commit(group, in: db)
            try files.check()
            health.record(nil)
            return failures
        } catch {
            health.record(error)
            return Array(repeating: error.problem, count: group.count)
        }
    }
}

/// Looks through the pages of a database for broken ones, as far as it gets in a second: a large database must not keep
/// the plugin from its work.
enum PageCheck {
    /// Seconds.
    private static let budget = 1.0

    /// Throws `SQLITE_CORRUPT` with what was found first.
    static func run(_ db: Database) throws {
        var deadline = Date().addingTimeInterval(budget)
        let finding = try withUnsafeMutablePointer(to: &deadline) { deadline in
            // Called every 10,000 steps of SQLite's machine, some hundred microseconds.
            sqlite3_progress_handler(
                db.sqliteConnection, 10_000, { $0!.assumingMemoryBound(to: Date.self).pointee < Date() ? 1 : 0 },
                deadline)
            defer { sqlite3_progress_handler(db.sqliteConnection, 0, nil, nil) }
            do {
                return try db.makeStatement(sql: "PRAGMA quick_check(1)").fetch { $0.text(0) }.first
            } catch let error as DatabaseError where error.resultCode == .SQLITE_INTERRUPT {
                return nil
            }
        }
        if let finding, finding.utf8.elementsEqual("ok".utf8) == false {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: finding)
        }
    }
}
