import Foundation
import GRDB
import JackfieldPlugin
import Synchronization
import Testing

@testable import PluginStore

/// Failures of a store's files.
@Suite struct StoreFailureTests {
    let folder = FileManager.default.temporaryDirectory.appending(path: "jackfield-store-\(UUID().uuidString)")
    var path: String { "\(folder.path)/rows.db" }
    let reports = Reports()

    final class Reports: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private func open() throws -> GroupCommitStore {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") {
            try $0.execute(sql: "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        }
        return try GroupCommitStore(
            StoreLocation("sqlite:\(path)"), migrations: migrator, report: { [reports] in reports.add($0) },
            batch: { $0() })
    }

    /// Inserts a row. Returns nil if it was stored, else the problem.
    private func add(_ name: String, to store: GroupCommitStore) async -> Problem? {
        await withCheckedContinuation { continuation in
            store.write(
                { try $0.execute(sql: "INSERT INTO item (name) VALUES (?)", arguments: [name]) },
                then: { result in
                    switch result {
                    case .success: continuation.resume(returning: nil)
                    case .failure(let problem as Problem): continuation.resume(returning: problem)
                    case .failure(let error): continuation.resume(returning: Problem(500, "internal", "\(error)"))
                    }
                })
        }
    }

    private func reasonNotReady(_ store: GroupCommitStore) -> String? {
        do {
            try store.check()
            return nil
        } catch {
            return (error as? Problem)?.message ?? "\(error)"
        }
    }

    /// Waits until the store is ready again, at most five seconds.
    private func becomesReady(_ store: GroupCommitStore) async throws -> Bool {
        for _ in 0..<500 {
            if reasonNotReady(store) == nil { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    private func names(in file: String) throws -> [String] {
        try DatabaseQueue(path: file).read { try String.fetchAll($0, sql: "SELECT name FROM item ORDER BY id") }
    }

    // MARK: Deleted and replaced files

    @Test func `a write to deleted files is not acknowledged`() async throws {
        let store = try open()
        #expect(await add("one", to: store) == nil)
        try FileManager.default.removeItem(at: folder)
        let refused = await add("two", to: store)
        #expect(refused?.status == 503 && refused?.code == "unavailable")
        #expect(await add("three", to: store)?.code == "unavailable")
        #expect(throws: Problem.self) { try store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM item") } }
        let reason = try #require(reasonNotReady(store))
        #expect(reason.hasPrefix("config.store '\(path)': ") && reason.contains("deleted or replaced"))
        #expect(reports.all == [reason])
        store.close()
    }

    @Test func `a deleted write-ahead log is noticed, too`() async throws {
        let store = try open()
        try FileManager.default.removeItem(atPath: path + "-wal")
        #expect(await add("one", to: store)?.code == "unavailable")
        #expect(reasonNotReady(store)?.contains("deleted or replaced") == true)
        store.close()
    }

    @Test func `files that are moved back are used again`() async throws {
        let store = try open()
        let aside = folder.appendingPathExtension("aside")
        try FileManager.default.moveItem(at: folder, to: aside)
        #expect(await add("away", to: store)?.code == "unavailable")
        #expect(await add("still away", to: store)?.code == "unavailable")
        try FileManager.default.moveItem(at: aside, to: folder)
        #expect(await add("back", to: store) == nil)
        #expect(try await becomesReady(store))
        #expect(reports.all.count == 2 && reports.all.last?.hasSuffix("works again") == true)
        store.close()
        // The first refused write may be stored, because it found the failure. Later ones are not.
        let stored = try names(in: path)
        #expect(stored.last == "back" && !stored.contains("still away"))
    }

    @Test func `another database at the same path is not written to`() async throws {
        let store = try open()
        #expect(await add("old", to: store) == nil)
        let aside = folder.appendingPathExtension("aside")
        try FileManager.default.moveItem(at: folder, to: aside)
        let second = try open()
        #expect(await add("new", to: second) == nil)
        #expect(await add("lost", to: store)?.code == "unavailable")
        store.close()
        #expect(await add("newer", to: second) == nil)
        second.close()
        #expect(try names(in: path) == ["new", "newer"])
    }

    // MARK: Full disks

    @Test func `a full disk is 507, until there is space again`() async throws {
        let store = try open()
        func limit(_ pages: Int) async {
            await withCheckedContinuation { continuation in
                store.write(
                    { _ = try Int.fetchOne($0, sql: "PRAGMA max_page_count = \(pages)") },
                    then: { _ in continuation.resume() })
            }
        }
        await limit(1)
        let refused = await add(String(repeating: "x", count: 100_000), to: store)
        #expect(refused?.status == 507 && refused?.code == "insufficient_storage")
        #expect(reasonNotReady(store)?.contains("disk is full") == true)
        await limit(1 << 30)
        #expect(await add("fits", to: store) == nil)
        #expect(try await becomesReady(store))
        store.close()
        #expect(try names(in: path) == ["fits"])
    }

    @Test func `a failed store without writes detects that it works again`() async throws {
        let store = try open()
        let aside = folder.appendingPathExtension("aside")
        try FileManager.default.moveItem(at: folder, to: aside)
        #expect(reasonNotReady(store) != nil)
        try FileManager.default.moveItem(at: aside, to: folder)
        #expect(try await becomesReady(store))
        store.close()
    }

    // MARK: Unusable stores

    @Test func `a database with broken pages does not open`() async throws {
        let store = try open()
        for index in 0..<200 { #expect(await add("a name that fills some space \(index)", to: store) == nil) }
        store.close()
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try file.seek(toOffset: 8192)
        try file.write(contentsOf: Data(repeating: 0xA5, count: 4096))
        try file.close()
        #expect { try open() } throws: { "\($0)".contains("config.store: '\(path)' is malformed") }
    }

    @Test func `the error for a path that is a folder names it`() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect { try open() } throws: { "\($0)".contains("config.store: cannot open '\(path)'") }
    }

    // MARK: Ownership

    @Test func `only the owner can read the files of a store`() throws {
        let store = try open()
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(folder.path) == 0o700)
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            #expect(try mode("\(folder.path)/\(file)") == 0o600, "\(file)")
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
                "rows.db", "rows.db-lock", "rows.db-shm", "rows.db-wal",
            ])
        store.close()
    }

    @Test func `two generations of a plugin in one process share a store`() async throws {
        let first = try open(), second = try open()
        #expect(await add("one", to: first) == nil)
        #expect(await add("two", to: second) == nil)
        first.close()
        #expect(await add("three", to: second) == nil)
        second.close()
        #expect(try names(in: path) == ["one", "two", "three"])
    }
}
