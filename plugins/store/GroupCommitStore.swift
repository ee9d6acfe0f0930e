import Foundation
import GRDB
import GRDBSQLite
import JackfieldPlugin
import Synchronization

/// A SQLite database whose writes are committed in groups.
///
/// Durability: write-ahead log with `synchronous=FULL`, so a commit is on disk when it returns. A commit costs one
/// fsync for any number of rows, so one thread runs all waiting writes in one transaction. While it waits for the disk,
/// the writes of the next group queue up; there is no delay and no timer. Completions are called in the order of
/// commits.
///
/// Reads run on connections of their own, in parallel with writes, and see committed data.
///
/// A write succeeds only if its row is in the file at the configured path. If the files were deleted or replaced while
/// open, or another process has locked the store, reads and writes fail with 503 `unavailable`; if the disk is full,
/// writes fail with 507 `insufficient_storage`; until that is mended. ``check()`` throws the reason.
public final class GroupCommitStore: Sendable {
    /// The maximum number of writes in one transaction: it limits how long the first of them waits.
    public static let maxGroup = 1024

    /// The maximum number of waiting writes. Further writes fail at once with 503 `overloaded`.
    public static let maxQueue = 8192

    private let pool: DatabasePool
    private let queue: WriteQueue
    private let files: StoreFiles
    private let health: StoreHealth
    private let ended = DispatchSemaphore(value: 0)
    private let isProbing = Atomic(false)

    /// Opens or creates the database and runs the migrations. Throws a ``Problem`` with a message for the operator.
    ///
    /// - Parameters:
    ///   - report: logs a line for the operator when the store fails and when it works again. Called on any thread,
    ///     must not block.
    ///   - batch: calls the completions of one group; ``JackfieldHost/batch(_:)``.
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
            // GRDB sets NORMAL with the write-ahead log. With NORMAL, a power failure may lose the last commits.
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
            // This thread holds the writer's connection until it ends: getting it for each group would cost more than
            // the group's BEGIN.
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

    /// Does not wait for the thread, because a completion on that thread may release the last reference.
    deinit { _ = queue.close() }

    /// Runs `operation` in the next transaction. `completion` is called exactly once: after the commit, on a thread of
    /// the store, one at a time and in the order of commits; or at once, on the calling thread, if the queue is full or
    /// the store is closed.
    ///
    /// An operation may run twice, because a failing write makes its group run again; so it must change only the
    /// database. One that throws a ``Problem`` must not have changed anything before.
    public func write<Value: Sendable>(
        _ operation: @escaping @Sendable (Database) throws -> Value,
        then completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        if let refused = queue.add(PendingWrite(operation, completion)) { completion(.failure(refused)) }
    }

    /// Reads committed data. Blocks, so a handler that runs inline must not call it.
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

    /// Throws a ``Problem`` with a message for the operator if the store cannot be read or written. Blocks.
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

    /// Commits the waiting writes, calls their completions, and ends the thread. Blocks. Later writes fail.
    public func close() {
        guard queue.close() else { return }
        ended.wait()
        try? pool.close()
    }

    /// Checks with a commit that changes nothing whether the store works again, in case there are no other writes.
    private func probe() {
        guard !isProbing.exchange(true, ordering: .relaxed) else { return }
        write(
            { try $0.execute(sql: "PRAGMA user_version = 0") },
            then: { [weak self] _ in self?.isProbing.store(false, ordering: .relaxed) })
    }

    /// Returns one error for each write; nil if the write is committed, or its own result is its answer.
    private static func commit(
        _ group: [any AnyPendingWrite], in db: Database, _ files: StoreFiles, _ health: StoreHealth
    ) -> [(any Error)?] {
        do throws(StoreFailure) {
            // After a failure, the files may not be those at the configured path.
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

/// Checks the pages of a database for damage, for at most one second, so that a large database does not delay the
/// start.
enum PageCheck {
    /// Seconds.
    private static let budget = 1.0

    /// Throws `SQLITE_CORRUPT` with the first finding.
    static func run(_ db: Database) throws {
        var deadline = Date().addingTimeInterval(budget)
        let finding = try withUnsafeMutablePointer(to: &deadline) { deadline in
            // SQLite calls it every 10,000 steps of its virtual machine, about every few hundred microseconds.
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
