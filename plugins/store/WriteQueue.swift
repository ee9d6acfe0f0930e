import Foundation
import GRDB
import JackfieldPlugin

/// The writes that wait for the writer's thread; bounded.
///
/// `@unchecked Sendable`: every access to its state holds the condition's lock.
final class WriteQueue: @unchecked Sendable {
    /// The maximum number of yields before a group. One yield is enough to get the writes of one tick of an event loop.
    /// The limit keeps threads that add writes all the time from delaying the group; it was not tuned.
    private static let yields = 8

    private let condition = NSCondition()
    private let limit: Int
    private var waiting: [any AnyPendingWrite] = []
    private var isClosed = false
    /// The writer sleeps, and no thread has signalled it yet.
    private var isIdle = false

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { condition.withLock { waiting.isEmpty } }

    /// Returns nil if the write was queued, else the reason.
    func add(_ write: any AnyPendingWrite) -> Problem? {
        condition.lock()
        let refused = refusal
        if refused == nil { waiting.append(write) }
        let mustWake = isIdle && refused == nil
        if mustWake { isIdle = false }
        condition.unlock()
        // Not under the lock, since the writer would wake up only to wait for the lock.
        if mustWake { condition.signal() }
        return refused
    }

    private var refusal: Problem? {
        if isClosed { return .unavailable("the plugin is stopping; try again in a moment") }
        if waiting.count >= limit { return .overloaded("\(limit) writes are waiting for the disk; try again later") }
        return nil
    }

    /// Dequeues the next group; waits for one. nil: closed, and no write is left.
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

    /// Yields to threads that are about to add writes. On a busy machine, the writer would otherwise commit the first
    /// of many writes alone, and all others would wait for the disk; with a free core, a yield has no effect. The lock
    /// is held on entry and on return.
    private func gather(atMost limit: Int) {
        for _ in 0..<Self.yields where waiting.count < limit {
            let before = waiting.count
            condition.unlock()
            sched_yield()
            condition.lock()
            if waiting.count == before { return }
        }
    }

    /// Returns false if it was closed before.
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
    /// Calls the completion. `failure`: the transaction failed, so this replaces the operation's result.
    func finish(_ failure: (any Error)?)
}

/// A write: its operation, and its result until the commit.
///
/// `@unchecked Sendable`: `result` is accessed by the writer's thread, and after the group was passed to
/// ``CommitCompletions`` only by the thread that calls `finish`; the other properties never change.
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

    /// A ``Problem`` is the result of an operation that changed nothing; other errors undo the transaction.
    func run(in db: Database) throws {
        do {
            result = .success(try operation(db))
        } catch let problem as Problem {
            result = .failure(problem)
        }
    }

    func finish(_ failure: (any Error)?) { completion(failure.map { .failure($0) } ?? result) }
}
