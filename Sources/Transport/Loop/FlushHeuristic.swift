/// Predicts whether the next connection to be read will share its tick with so many others with something to write that all of them are better
/// written to together, with one system call, than each by itself.
///
/// NIO does not tell how many connections a tick will bring, so the last tick that was looked at has to do. A loop with few outputs answers at once, which
/// makes no task and leaves no answer waiting, and looks again now and then.
struct FlushHeuristic {
    /// Answers sent at once before the next look. A look costs a task.
    private static let checkInterval = 64

    private var lastWasBatch = false
    private var answersBeforeCheck = 0

    /// Asked for the first answer of a tick. `true`: let it wait for the tick's end, and ``record(_:)`` what came.
    @inline(__always)
    mutating func shouldDefer() -> Bool {
        if lastWasBatch || answersBeforeCheck == 0 { return true }
        answersBeforeCheck -= 1
        return false
    }

    /// A tick has ended in which answers waited for each other.
    @inline(__always)
    mutating func record(_ wasBatch: Bool) {
        lastWasBatch = wasBatch
        answersBeforeCheck = Self.checkInterval
    }
}
