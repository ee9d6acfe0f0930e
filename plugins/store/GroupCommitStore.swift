import Foundation
import GRDB
import JackfieldPlugin

/// A SQLite database whose writes are committed in groups.
///
/// Durability: write-ahead log with `synchronous=FULL`, so a commit is on disk when it returns. That costs one fsync, whatever
/// the number of rows in it; hence one thread takes everything that is waiting into one transaction and commits it. While it
/// waits for the disk the next group collects by itself: no delay, no timer. The answers go out beside it, in the order of commits.
///
/// Reads run beside it, on connections of their own, and see what was committed.
public final class GroupCommitStore: Sendable {
    /// Operations in one transaction: bounds how long the first of them waits.
    public static let maxGroup = 1024

    /// Operations that wait. Beyond it a write fails at once with 503 `overloaded`.
    public static let maxQueue = 8192

    private let pool: DatabasePool
    private let queue: WriteQueue
    private let ended = DispatchSemaphore(value: 0)

    /// Opens or makes the database and brings it up to date. Throws a line for the operator.
    ///
    /// - Parameter together: what the answers of one group are given in; ``PluginHost/together(_:)``.
    public init(
        _ location: StoreLocation, migrations: DatabaseMigrator, maxQueue: Int = GroupCommitStore.maxQueue,
        together: @escaping @Sendable (() -> Void) -> Void
    ) throws {
        try location.prepare()
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        do {
            pool = try DatabasePool(path: location.path, configuration: configuration)
            // GRDB sets NORMAL when it turns the log on, and NORMAL may lose the last commits with the power.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try migrations.migrate(pool)
        } catch let error as DatabaseError {
            throw Problem(500, "store", "config.store: cannot open '\(location.path)': \(error.message ?? "\(error.resultCode)"); is it writable, and a database of this plugin?")
        }
        queue = WriteQueue(limit: maxQueue)
        let thread = Thread { [pool, queue, ended] in
            // The writer's connection is this thread's as long as it lives: asking for it anew would cost each group more than its BEGIN.
            pool.writeWithoutTransaction { Self.work(off: queue, in: $0, answers: GroupAnswers(together)) }
            ended.signal()
        }
        thread.name = "group commit"
        thread.start()
    }

    /// Lets the thread end by itself. Waiting for it here could be waiting for oneself: the last to let go may be a completion.
    deinit { _ = queue.close() }

    /// Runs `operation` in the next transaction. `completion` is called exactly once: after the commit, on a thread of the store, one at
    /// a time and in the order of commits; or at once, on this thread, if the queue is full or the store closed.
    ///
    /// An operation may run twice (a failing neighbour makes the group run again), so it must touch nothing but the database; and one that throws a
    /// ``Problem`` must not have changed anything before.
    public func write<Value: Sendable>(
        _ operation: @escaping @Sendable (Database) throws -> Value,
        then completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        if let refused = queue.add(PendingWrite(operation, completion)) { completion(.failure(refused)) }
    }

    /// Reads what was committed. Blocks: not for a handler that runs inline.
    public func read<Value>(_ body: (Database) throws -> Value) throws -> Value { try pool.read(body) }

    /// Throws if the database cannot be reached.
    public func check() throws {
        try read { _ = try Int.fetchOne($0, sql: "SELECT 1 FROM sqlite_schema LIMIT 1") }
    }

    /// Commits and answers what waits, and ends the thread. Later writes fail.
    public func close() {
        guard queue.close() else { return }
        ended.wait()
        try? pool.close()
    }

    /// Commits what comes, group by group, until the queue is closed and empty.
    private static func work(off queue: WriteQueue, in db: Database, answers: GroupAnswers) {
        while let group = queue.next(atMost: maxGroup) {
            answers.give(group, GroupCommit.commit(group, in: db), isIdle: queue.isEmpty)
        }
        answers.drain()
    }
}
