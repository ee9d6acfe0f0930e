import Foundation
import JackfieldPlugin

/// What waits for the writer's thread; bounded.
///
/// `@unchecked Sendable`: every access to its state holds the condition's lock.
final class WriteQueue: @unchecked Sendable {
    private let condition = NSCondition()
    private let limit: Int
    private var waiting: [any AnyPendingWrite] = []
    private var isClosed = false

    init(limit: Int) { self.limit = limit }

    /// nil if it was taken, else why not.
    func add(_ write: any AnyPendingWrite) -> Problem? {
        condition.lock()
        defer { condition.unlock() }
        if isClosed { return Problem(503, "unavailable", "the plugin is stopping; try again in a moment") }
        if waiting.count >= limit { return .overloaded("\(limit) writes are waiting for the disk; try again later") }
        waiting.append(write)
        if waiting.count == 1 { condition.signal() }
        return nil
    }

    /// The next group; waits for one. nil: closed, and nothing is left.
    func next(atMost count: Int) -> [any AnyPendingWrite]? {
        condition.lock()
        defer { condition.unlock() }
        while waiting.isEmpty && !isClosed { condition.wait() }
        if waiting.isEmpty { return nil }
        if waiting.count <= count {
            defer { waiting = [] }
            return waiting
        }
        defer { waiting.removeFirst(count) }
        return Array(waiting.prefix(count))
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
