import Foundation
import Synchronization

/// Gives the writes of committed groups their answers, one at a time and in the order of commits.
///
/// Answers take time, and while they go out the next group can be on its way to the disk: they have a thread of their own, which is used when something
/// waits. When nothing does, the writer answers by itself, sooner than another thread would be awake.
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
