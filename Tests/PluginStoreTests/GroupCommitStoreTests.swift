import Foundation
import GRDB
import JackfieldPlugin
import Synchronization
import Testing

@testable import PluginStore

@Suite struct GroupCommitStoreTests {
    let folder = FileManager.default.temporaryDirectory.appending(path: "jackfield-store-\(UUID().uuidString)")

    private var migrations: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") {
            try $0.execute(sql: "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        }
        return migrator
    }

    private func open(
        maxQueue: Int = GroupCommitStore.maxQueue, batch: @escaping @Sendable (() -> Void) -> Void = { $0() }
    ) throws -> GroupCommitStore {
        try GroupCommitStore(
            StoreLocation("sqlite:\(folder.path)/a/b/rows.db"), migrations: migrations, maxQueue: maxQueue,
            report: { _ in }, batch: batch)
    }

    private func write(_ store: GroupCommitStore, _ name: String) async throws -> Int64 {
        try await withCheckedThrowingContinuation { continuation in
            store.write(
                { db in
                    try db.execute(sql: "INSERT INTO item (name) VALUES (?)", arguments: [name])
                    return db.lastInsertedRowID
                }, then: { continuation.resume(with: $0) })
        }
    }

    @Test func `a write that was answered is in the file, with synchronous=FULL`() async throws {
        let store = try open()
        _ = try await write(store, "one")
        let other = try DatabaseQueue(path: "\(folder.path)/a/b/rows.db")
        #expect(try await other.read { try String.fetchAll($0, sql: "SELECT name FROM item") } == ["one"])
        let (journal, synchronous) = try await withCheckedThrowingContinuation { continuation in
            store.write(
                { db in
                    (
                        try String.fetchOne(db, sql: "PRAGMA journal_mode"),
                        try Int.fetchOne(db, sql: "PRAGMA synchronous")
                    )
                }, then: { continuation.resume(with: $0) })
        }
        #expect(journal == "wal")
        #expect(synchronous == 2)
        store.close()
    }

    @Test func `each of 500 concurrent writes gets its own result`() async throws {
        let store = try open()
        let ids = try await withThrowingTaskGroup(of: Int64.self) { group in
            for index in 0..<500 { group.addTask { try await write(store, "item \(index)") } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(ids.count == 500)
        store.close()
    }

    @Test func `completions run in the order of commits, those of a group in one batch`() async throws {
        struct State {
            var isTogether = false
            var calls = 0
            var ids: [Int64] = []
            var isRight = true
        }
        final class Recorder: Sendable {
            let state = Mutex(State())
        }
        let recorder = Recorder()
        let store = try open { body in
            recorder.state.withLock {
                if $0.isTogether { $0.isRight = false }
                $0.isTogether = true
                $0.calls += 1
            }
            body()
            recorder.state.withLock { $0.isTogether = false }
        }
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for number in 0..<100 {
                        await withCheckedContinuation { continuation in
                            store.write(
                                { db in
                                    try db.execute(
                                        sql: "INSERT INTO item (name) VALUES (?)", arguments: ["\(writer) \(number)"])
                                    return db.lastInsertedRowID
                                },
                                then: { result in
                                    recorder.state.withLock {
                                        $0.ids.append((try? result.get()) ?? -1)
                                        if !$0.isTogether { $0.isRight = false }
                                    }
                                    continuation.resume()
                                })
                        }
                    }
                }
            }
        }
        store.close()
        let end = recorder.state.withLock { $0 }
        #expect(end.isRight)
        #expect(end.ids == Array(1...800))
        #expect(end.calls <= 800)
    }

    @Test func `a completion can read committed data`() async throws {
        let store = try open()
        let count = try await withCheckedThrowingContinuation { continuation in
            store.write(
                { try $0.execute(sql: "INSERT INTO item (name) VALUES ('one')") },
                then: { _ in
                    continuation.resume(
                        with: Result { try store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM item") } })
                })
        }
        #expect(count == 1)
        store.close()
    }

    @Test func `a failing write does not fail the others of its group`() async throws {
        let store = try open()
        _ = try await write(store, "taken")
        let results = await withTaskGroup(of: (String, Bool).self) { group in
            for name in ["a", "taken", "b", "taken", "c"] {
                group.addTask { (name, (try? await write(store, name)) != nil) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(results.filter(\.1).map(\.0)) == ["a", "b", "c"])
        #expect(try store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM item") } == 4)
        store.close()
    }

    /// A commit costs the same for any number of writes.
    @Test func `a group with failing writes needs at most two commits`() throws {
        final class Commits: TransactionObserver, Sendable {
            let count = Mutex(0)
            func observes(eventsOfKind: DatabaseEventKind) -> Bool { true }
            func databaseDidChange(with: DatabaseEvent) {}
            func databaseDidCommit(_: Database) { count.withLock { $0 += 1 } }
            func databaseDidRollback(_: Database) {}
        }
        let store = try open(), commits = Commits()
        let gate = DispatchSemaphore(value: 0), entered = DispatchSemaphore(value: 0)
        store.write(
            { db in
                try db.execute(sql: "INSERT INTO item (name) VALUES ('taken')")
                entered.signal()
                gate.wait()
            }, then: { _ in })
        entered.wait()
        store.write({ $0.add(transactionObserver: commits, extent: .databaseLifetime) }, then: { _ in })
        let failed = Mutex<[Int]>([])
        for index in 0..<300 {
            // A failing write that has changed something before it fails.
            let names = index % 100 == 50 ? ["half \(index)", "taken"] : ["item \(index)"]
            store.write(
                { db in
                    for name in names { try db.execute(sql: "INSERT INTO item (name) VALUES (?)", arguments: [name]) }
                },
                then: { result in
                    if case .failure(let error as DatabaseError) = result,
                        error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE
                    {
                        failed.withLock { $0.append(index) }
                    }
                })
        }
        gate.signal()
        store.close()
        #expect(failed.withLock { $0 } == [50, 150, 250])
        #expect(commits.count.withLock { $0 } <= 2)
        let names = try DatabaseQueue(path: "\(folder.path)/a/b/rows.db").read {
            try String.fetchAll($0, sql: "SELECT name FROM item WHERE name <> 'taken'")
        }
        #expect(Set(names) == Set((0..<300).filter { $0 % 100 != 50 }.map { "item \($0)" }))
    }

    @Test func `a full queue refuses at once`() throws {
        let store = try open(maxQueue: 2)
        let gate = DispatchSemaphore(value: 0), entered = DispatchSemaphore(value: 0)
        store.write(
            { _ in
                entered.signal()
                gate.wait()
            }, then: { _ in })
        entered.wait()
        let refused = Mutex<[String]>([])
        for _ in 0..<3 {
            store.write(
                { _ in },
                then: { result in
                    if case .failure(let problem as Problem) = result { refused.withLock { $0.append(problem.code) } }
                })
        }
        #expect(refused.withLock { $0 } == ["overloaded"])
        gate.signal()
        store.close()
    }

    @Test func `closing commits the waiting writes and refuses later ones`() async throws {
        let store = try open()
        let done = Mutex(0)
        for index in 0..<50 {
            store.write(
                { try $0.execute(sql: "INSERT INTO item (name) VALUES (?)", arguments: ["\(index)"]) },
                then: { _ in
                    done.withLock { $0 += 1 }
                })
        }
        store.close()
        #expect(done.withLock { $0 } == 50)
        await #expect(throws: Problem.self) { try await write(store, "late") }
        store.close()
    }

    @Test(arguments: ["postgres://x", "sqlite:", "rows.db", ""]) func `the error for an unknown store names it`(
        text: String
    ) {
        #expect { try StoreLocation(text) } throws: { "\($0)".contains("config.store '\(text)'") }
    }

    @Test func `the error for an unusable path names it`() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("not a folder".utf8).write(to: folder.appending(path: "file"))
        #expect {
            try GroupCommitStore(
                StoreLocation("sqlite:\(folder.path)/file/rows.db"), migrations: migrations, report: { _ in },
                batch: { $0() })
        } throws: {
            "\($0)".contains("cannot make the folder '\(folder.path)/file'")
        }
        try Data(repeating: 7, count: 5000).write(to: folder.appending(path: "garbage.db"))
        #expect {
            try GroupCommitStore(
                StoreLocation("sqlite:\(folder.path)/garbage.db"), migrations: migrations, report: { _ in },
                batch: { $0() })
        } throws: {
            "\($0)".contains("cannot open '\(folder.path)/garbage.db'")
        }
    }
}
