import Testing

@testable import Transport

@Suite struct FlushHeuristicTests {
    /// The answers to so many questions.
    private func ask(_ flushHeuristic: inout FlushHeuristic, _ count: Int) -> [Bool] {
        (0..<count).map { _ in flushHeuristic.shouldDefer() }
    }

    @Test func `a new loop looks at once`() {
        var flushHeuristic = FlushHeuristic()
        #expect(ask(&flushHeuristic, 1) == [true])
    }

    @Test func `where there was none, answers go out at once, and one in 65 waits to look again`() {
        var flushHeuristic = FlushHeuristic()
        for _ in 0..<3 {
            #expect(ask(&flushHeuristic, 1) == [true])
            flushHeuristic.record(false)
            #expect(!ask(&flushHeuristic, 64).contains(true))
        }
    }

    @Test func `after a tick with several outputs answers are deferred, until a tick is without`() {
        var flushHeuristic = FlushHeuristic()
        flushHeuristic.record(true)
        #expect(!ask(&flushHeuristic, 200).contains(false))
        flushHeuristic.record(false)
        #expect(ask(&flushHeuristic, 1) == [false])
        flushHeuristic.record(true)
        #expect(ask(&flushHeuristic, 1) == [true])
    }
}
