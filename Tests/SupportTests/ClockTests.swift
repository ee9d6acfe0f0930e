import Foundation
import Support
import Testing

@Suite("Clocks")
struct ClockTests {
    @Test("the monotonic clocks tell one time and never go back, the wall clock tells that of the system")
    func clocks() {
        let first = Clock.monotonicNanoseconds
        let (milliseconds, coarse, second) = (
            Clock.monotonicMilliseconds, Clock.coarseNanoseconds, Clock.monotonicNanoseconds
        )
        #expect(first <= second)
        #expect((first / 1_000_000...second / 1_000_000).contains(milliseconds))
        // A few milliseconds coarse, and a second for a machine that has much to do.
        #expect((first - 1_000_000_000...second).contains(coarse))
        #expect(abs(Double(Clock.wallMilliseconds) / 1000 - Date().timeIntervalSince1970) < 1)
    }

    @Test("random words differ, from one pool and from two")
    func randomness() {
        var one = RandomBits(), two = RandomBits()
        #expect(Set((0..<100).flatMap { _ in [one.next(), two.next()] }).count == 200)
    }
}
