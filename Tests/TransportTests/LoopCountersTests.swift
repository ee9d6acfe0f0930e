import Testing

@testable import Transport

@Suite("Counters of loops")
struct LoopCountersTests {
    @Test("a sum has every counter, also one that was added later")
    func sum() {
        var one = LoopCounters()
        for field in LoopCounters.fields { one[keyPath: field] += 1 }
        for index in one.refusedHandshakes.indices { one.refusedHandshakes[index] = 1 }
        for child in Mirror(reflecting: one + one).children {
            let label = child.label ?? ""
            switch child.value {
            case let number as UInt64: #expect(number == 2, "LoopCounters.fields must name \(label) once")
            case let numbers as [UInt64]: #expect(numbers.allSatisfy { $0 == 2 }, "+ must add up \(label)")
            default: Issue.record("+ does not know the type of \(label)")
            }
        }
    }
}
