import Foundation
import GRDB
import Synchronization

/// The transaction of a group.
enum GroupCommit {
    /// Runs the writes of a group and commits them with one sync. If one of them fails by
    /// itself, all of them run again.
    ///
    /// - Returns: what became of each write: nil if it is on disk, or has its own answer.
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

    /// The same, each write in a savepoint of its own: one that fails is undone alone. Costs two statements more for
    /// each write, which is why it is the second attempt and not the first.
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

/// Gives the writes of committed groups their answers, one at a time and in the order of commits.
///
/// Answers take time, and while they go out the next group can be on its way to the disk: they have a thread of
/// their own, which is used when something waits. When nothing does, the writer answers by itself, sooner than
/// another thread would be awake.
final class CommitCompletions: Sendable {
    /// Groups whose answers are under way. Beyond it the writer waits for them: they hold memory.
    private static let maxGroups = 4

    private let queue = DispatchQueue(label: "group commit answers")
    private let slots = DispatchSemaphore(value: maxGroups)
    private let groupsUnderWay = Atomic<Int>(0)
    private let batch: @Sendable (() -> Void) -> Void

    /// - Parameter batch: what the answers of one group are given in.
    init(_ batch: @escaping @Sendable (() -> Void) -> Void) { self.batch = batch }

    /// - Parameters:
    ///   - failures: one for each write, as ``AnyPendingWrite/finish(_:)`` takes it.
    ///   - isIdle: nothing waits for the writer, whose thread calls this.
    func complete(_ group: [any AnyPendingWrite], _ failures: [(any Error)?], isIdle: Bool) {
        // Only the writer raises it, so zero is zero, and nothing can be overtaken.
        if isIdle, groupsUnderWay.load(ordering: .acquiring) == 0 { return finish(group, failures) }
        slots.wait()
        groupsUnderWay.add(1, ordering: .relaxed)
        queue.async { [self] in
            finish(group, failures)
            groupsUnderWay.subtract(1, ordering: .releasing)
            slots.signal()
        }
    }

    /// Waits until every group has its answers.
    func drain() { queue.sync {} }

    private func finish(_ group: [any AnyPendingWrite], _ failures: [(any Error)?]) {
        batch { for (write, failure) in zip(group, failures) { write.finish(failure) } }
    }
}
