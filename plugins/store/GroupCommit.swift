import GRDB

/// The transaction of a group.
enum GroupCommit {
    /// Runs the writes of a group and commits them with one sync. If one of them fails by itself, all of them run again.
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

    /// The same, each write in a savepoint of its own: one that fails is undone alone. Costs two statements more for each write, which is why it is
    /// the second attempt and not the first.
    private static func commitApart(_ group: [any AnyPendingWrite], in db: Database) throws(StoreFailure) -> [(any Error)?] {
        var failures = [(any Error)?](repeating: nil, count: group.count)
        do {
            try db.inTransaction(.immediate) {
                for (index, write) in group.enumerated() {
                    do {
                        try db.inSavepoint {
                            try write.run(in: db)
                            return .commit
                        }
                    } catch where db.isInsideTransaction && StoreFailure(error) == nil {
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
