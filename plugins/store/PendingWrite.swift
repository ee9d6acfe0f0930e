import GRDB
import JackfieldPlugin

/// A write of any result type.
protocol AnyPendingWrite: AnyObject, Sendable {
    func run(in db: Database) throws
    /// `failure`: the transaction failed, whatever the operation said.
    func finish(_ failure: (any Error)?)
}

/// A write that waits for its transaction, and then for its commit.
///
/// `@unchecked Sendable`: `result` is touched by the writer's thread, and after the hand-over to the answers by these alone; the rest
/// never changes.
final class PendingWrite<Value: Sendable>: AnyPendingWrite, @unchecked Sendable {
    private let operation: @Sendable (Database) throws -> Value
    private let completion: @Sendable (Result<Value, any Error>) -> Void
    private var result: Result<Value, any Error> = .failure(Problem.overloaded("the write did not run"))

    init(
        _ operation: @escaping @Sendable (Database) throws -> Value,
        _ completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        self.operation = operation
        self.completion = completion
    }

    /// A ``Problem`` is an answer like any other, and its operation has changed nothing; other errors undo the transaction.
    func run(in db: Database) throws {
        do {
            result = .success(try operation(db))
        } catch let problem as Problem {
            result = .failure(problem)
        }
    }

    func finish(_ failure: (any Error)?) { completion(failure.map { .failure($0) } ?? result) }
}
