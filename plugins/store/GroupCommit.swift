import GRDB

/// The transaction of a group.
enum GroupCommit {
    /// Runs the writes of a group and commits them with one sync, or two attempts at it.
    ///
    /// - Returns: what became of each write: nil if it is on disk, or has its own answer.
    static func commit(_ group: [any AnyPendingWrite], in db: Database) -> [(any Error)?] {
        do {
            try db.inTransaction(.immediate) {
                for write in group { try write.run(in: db) }
                return .commit
            }
            return Array(repeating: nil, count: group.count)
        } catch {
            // Nothing of the group is stored. A write that failed by itself must not take the others along.
            return group.count == 1 ? [error] : commitApart(group, in: db)
        }
    }

    /// The same, each write in a savepoint of its own: one that fails is undone alone. Costs two statements more for each write, which is why it is
    /// the second attempt and not the first.
    private static func commitApart(_ group: [any AnyPendingWrite], in db: Database) -> [(any Error)?] {
        var failures = [(any Error)?](repeating: nil, count: group.count)
        do {
            try db.inTransaction(.immediate) {
                for (index, write) in group.enumerated() {
                    do {
                        try db.inSavepoint {
                            try write.run(in: db)
                            return .commit
                        }
                    } catch where db.isInsideTransaction {
                        failures[index] = error
                    }
                }
                return .commit
            }
            return failures
        } catch {
            // SQLite itself has undone the whole transaction, as it does when the disk is full, or the commit failed.
            return failures.map { $0 ?? error }
        }
    }
}
