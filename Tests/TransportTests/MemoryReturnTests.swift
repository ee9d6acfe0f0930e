import Testing

@testable import Transport

@Suite struct MemoryReturnTests {
    /// What a look finds worthwhile, at each of these sizes in MB.
    private func looks(_ state: inout MemoryReturn, _ sizes: some Sequence<Int>) -> [Bool] {
        sizes.map { state.isWorthwhile(resident: $0 * Self.mega) }
    }

    private static let mega = 1 << 20

    @Test func `memory is given back after a peak, once, when the process has stopped to grow`() {
        var state = MemoryReturn(resident: 50 * Self.mega)
        let found = looks(&state, [50, 200, 400, 900, 900, 900, 900])
        #expect(found == [false, false, false, false, false, false, true])
        state.returned(resident: 55 * Self.mega)
        let after = looks(&state, repeatElement(56, count: 10))
        #expect(!after.contains(true))
    }

    @Test func `what stays in use is not asked for again and again`() {
        var state = MemoryReturn(resident: 50 * Self.mega)
        let found = looks(&state, repeatElement(500, count: 4))
        #expect(found == [false, false, false, true])
        state.returned(resident: 490 * Self.mega)
        let after = looks(&state, repeatElement(500, count: 10))
        #expect(!after.contains(true))
    }

    @Test func `a process that grows is left alone`() {
        var state = MemoryReturn(resident: 50 * Self.mega)
        let found = looks(&state, (0..<50).map { 60 + $0 * 20 })
        #expect(!found.contains(true))
    }

    @Test func `the system says how large the process is`() {
        #expect(MemoryReturn.residentBytes > Self.mega)
    }
}
