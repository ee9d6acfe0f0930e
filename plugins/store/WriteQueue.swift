import Foundation
import GRDB
import JackfieldPlugin

/// What waits for the writer's thread; bounded.
///
/// `@unchecked Sendable`: every access to its state holds the condition's lock.
final class WriteQueue: @unchecked Sendable {
    /// How often others are let go first. One time brings what a tick of a loop has; the number only bounds how long
    /// those who add without end can hold up what waits already, and was not tuned.
    private static let yields = 8

    private let condition = NSCondition()
    private let limit: Int
    private var waiting: [any AnyPendingWrite] = []
    private var isClosed = false
    /// The writer sleeps, and nobody has told it yet.
    private var isIdle = false

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { condition.withLock { waiting.isEmpty } }

    /// nil if it was taken, else why not.
    func add(_ write: any AnyPendingWrite) -> Problem? {
        condition.lock()
        let refused = refusal
        if refused == nil { waiting.append(write) }
        let mustWake = isIdle && refused == nil
        if mustWake { isIdle = false }
        condition.unlock()
        // Not under the lock: the writer would wake only to wait for it.
        if mustWake { condition.signal() }
        return refused
    }

    private var refusal: Problem? {
        if isClosed { return .unavailable("the plugin is stopping; try again in a moment") }
        if waiting.count >= limit { return .overloaded("\(limit) writes are waiting for the disk; try again later") }
        return nil
    }

    /// The next group; waits for one. nil: closed, and nothing is left.
    func next(atMost count: Int) -> [any AnyPendingWrite]? {
        condition.lock()
        defer { condition.unlock() }
        while waiting.isEmpty && !isClosed {
            isIdle = true
            condition.wait()
        }
        isIdle = false
        gather(atMost: count)
        if waiting.isEmpty { return nil }
        if waiting.count <= count {
            defer { waiting = [] }
            return waiting
        }
        defer { waiting.removeFirst(count) }
        return Array(waiting.prefix(count))
    }

    /// Lets those go first who are about to add more: where there is a core for them anyway, they lose and gain
    /// nothing; on a busy machine the writer would otherwise take the first of many, and make all others wait for the
    /// disk. The lock is held on entry and on return.
    private func gather(atMost limit: Int) {
        for _ in 0..<Self.yields where waiting.count < limit {
            let before = waiting.count
            condition.unlock()
            sched_yield()
            condition.lock()
            if waiting.count == before { return }
        }
    }

    /// false if it was closed before.
    func close() -> Bool {
        condition.lock()
        defer { condition.unlock() }
        if isClosed { return false }
        isClosed = true
        condition.signal()
        return true
    }
}

/// A write of any result type.
protocol AnyPendingWrite: AnyObject, Sendable {
    func run(in db: Database) throws
    /// `failure`: the transaction failed, whatever the operation said.
    func finish(_ failure: (any Error)?)
}

/// A write that waits for its transaction, and then for its commit.
///
/// `@unchecked Sendable`: `result` is touched by the writer's thread, and after the hand-over to the answers by these
/// alone; the rest never changes.
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

    /// A ``Problem`` is an answer like any other, and its operation has changed nothing; other
    /// errors undo the transaction.
    func run(in db: Database) throws {
        do {
            result = .success(try operation(db))
        } catch let problem as Problem {
            result = .failure(problem)
        }
    }

    func finish(_ failure: (any Error)?) { completion(failure.map { .failure($0) } ?? result) }
}
