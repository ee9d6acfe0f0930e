import Foundation
import Support
import Testing

@Suite("Clocks")
struct ClockTests {
    @Test("the monotonic clocks agree and never decrease, and the wall clock agrees with the system's")
    func clocks() {
        let first = Clock.monotonicNanoseconds
        let (milliseconds, coarse, second) = (
            Clock.monotonicMilliseconds, Clock.coarseNanoseconds, Clock.monotonicNanoseconds
        )
        #expect(first <= second)
        #expect((first / 1_000_000...second / 1_000_000).contains(milliseconds))
        // The coarse clock's resolution is a few milliseconds; a second is allowed for busy machines.
        #expect((first - 1_000_000_000...second).contains(coarse))
        #expect(abs(Double(Clock.wallMilliseconds) / 1000 - Date().timeIntervalSince1970) < 1)
    }

    @Test("random words differ, from one pool and from two")
    func randomness() {
        var one = RandomBits(), two = RandomBits()
        #expect(Set((0..<100).flatMap { _ in [one.next(), two.next()] }).count == 200)
    }
}
