import Foundation
import GRDB
import Synchronization

/// The transaction of a group.
enum GroupCommit {
    /// Runs the writes of a group and commits them with one sync. If one of them fails with an error that is not a
    /// ``StoreFailure``, all of them run again.
    ///
    /// - Returns: one error for each write; nil if the write is committed, or its own result is its answer.
    /// - Throws: if the store failed; nothing of the group is stored then.
    static func commit(_ group: [any AnyPendingWrite], in db: Database) throws(StoreFailure) -> [(any Error)?] {
        do {
            try db.inTransaction(.immediate) {
                for write in group { try write.run(in: db) }
                return .commit
            }
            return Array(repeating: nil, count: group.count)
        } catch {
            if let failure = StoreFailure(error, in: db) { throw failure }
            return group.count == 1 ? [error] : try commitApart(group, in: db)
        }
    }

    /// As ``commit(_:in:)``, with a savepoint for each write, so that only the failing writes are undone. Used as the
    /// second attempt only, because it costs two statements more for each write.
    private static func commitApart(_ group: [any AnyPendingWrite], in db: Database) throws(StoreFailure) -> [(
        any Error
    )?] {
        var failures = [(any Error)?](repeating: nil, count: group.count)
        do {
            try db.inTransaction(.immediate) {
                for (index, write) in group.enumerated() {
                    do {
                        try db.inSavepoint {
                            try write.run(in: db)
                            return .commit
                        }
                    } catch  where db.isInsideTransaction && StoreFailure(error) == nil {
                        failures[index] = error
                    }
                }
                return .commit
            }
            return failures
        } catch {
            if let failure = StoreFailure(error, in: db) { throw failure }
            return failures.map { $0 ?? error }
        }
    }
}

/// Calls the completions of committed groups, one at a time and in the order of commits.
///
/// Completions take time. If writes wait, they run on a queue of their own while the writer's thread commits the next
/// group. If none waits, the writer's thread calls them itself, which is sooner than waking another thread.
final class CommitCompletions: Sendable {
    /// The maximum number of groups whose completions have not run. Then the writer waits, because groups hold memory.
    private static let maxGroups = 4

    private let queue = DispatchQueue(label: "group commit answers")
    private let slots = DispatchSemaphore(value: maxGroups)
    private let groupsUnderWay = Atomic<Int>(0)
    private let batch: @Sendable (() -> Void) -> Void

    /// - Parameter batch: calls the completions of one group; ``JackfieldHost/batch(_:)``.
    init(_ batch: @escaping @Sendable (() -> Void) -> Void) { self.batch = batch }

    /// - Parameters:
    ///   - failures: one for each write, the argument of ``AnyPendingWrite/finish(_:)``.
    ///   - isIdle: whether no write waits. The writer's thread calls this.
    func complete(_ group: [any AnyPendingWrite], _ failures: [(any Error)?], isIdle: Bool) {
        // Only this thread increments it; 0 means that no earlier group is pending, so the order is kept.
        if isIdle, groupsUnderWay.load(ordering: .acquiring) == 0 { return finish(group, failures) }
        slots.wait()
        groupsUnderWay.add(1, ordering: .relaxed)
        queue.async { [self] in
            finish(group, failures)
            groupsUnderWay.subtract(1, ordering: .releasing)
            slots.signal()
        }
    }

    /// Waits until all completions have run.
    func drain() { queue.sync {} }

    private func finish(_ group: [any AnyPendingWrite], _ failures: [(any Error)?]) {
        batch { for (write, failure) in zip(group, failures) { write.finish(failure) } }
    }
}
