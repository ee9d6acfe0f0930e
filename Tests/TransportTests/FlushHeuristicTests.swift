import Testing

@testable import Transport

@Suite struct FlushHeuristicTests {
    /// The results of `count` calls.
    private func shouldDefer(_ flushHeuristic: inout FlushHeuristic, _ count: Int) -> [Bool] {
        (0..<count).map { _ in flushHeuristic.shouldDefer() }
    }

    @Test func `a new loop defers its first answer`() {
        var flushHeuristic = FlushHeuristic()
        #expect(shouldDefer(&flushHeuristic, 1) == [true])
    }

    @Test func `after a tick with few outputs, 64 answers are sent at once and the next is deferred`() {
        var flushHeuristic = FlushHeuristic()
        for _ in 0..<3 {
            #expect(shouldDefer(&flushHeuristic, 1) == [true])
            flushHeuristic.record(false)
            #expect(!shouldDefer(&flushHeuristic, 64).contains(true))
        }
    }

    @Test func `after a tick with many outputs, answers are deferred until a tick has few`() {
        var flushHeuristic = FlushHeuristic()
        flushHeuristic.record(true)
        #expect(!shouldDefer(&flushHeuristic, 200).contains(false))
        flushHeuristic.record(false)
        #expect(shouldDefer(&flushHeuristic, 1) == [false])
        flushHeuristic.record(true)
        #expect(shouldDefer(&flushHeuristic, 1) == [true])
    }
}
