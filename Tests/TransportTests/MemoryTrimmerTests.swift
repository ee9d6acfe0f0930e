import Testing

@testable import Transport

@Suite struct MemoryTrimmerTests {
    /// The decision for each of these sizes of the process, in MB.
    private func samples(_ state: inout MemoryTrimmer, _ sizes: some Sequence<Int>, load: Int = 0) -> [Bool] {
        sizes.map { state.shouldTrim(Self.sample($0, load: load)) }
    }

    private static func sample(_ size: Int, load: Int = 0) -> MemoryTrimmer.Sample {
        .init(resident: size * mega, load: load * mega)
    }

    private static let mega = 1 << 20

    @Test func `memory is trimmed once after a peak, when the process has stopped growing`() {
        var state = MemoryTrimmer(Self.sample(50))
        let found = samples(&state, [50, 200, 400, 900, 900, 900, 900])
        #expect(found == [false, false, false, false, false, false, true])
        state.trimmed(Self.sample(55))
        let after = samples(&state, repeatElement(56, count: 10))
        #expect(!after.contains(true))
    }

    @Test func `memory that stays in use is not trimmed again`() {
        var state = MemoryTrimmer(Self.sample(50))
        let found = samples(&state, repeatElement(500, count: 4))
        #expect(found == [false, false, false, true])
        state.trimmed(Self.sample(490))
        let after = samples(&state, repeatElement(500, count: 10))
        #expect(!after.contains(true))
    }

    @Test func `memory that clients held at the last trim is trimmed when they have gone`() {
        var state = MemoryTrimmer(Self.sample(50))
        let held = samples(&state, repeatElement(500, count: 4), load: 400)
        #expect(held == [false, false, false, true])
        state.trimmed(Self.sample(490, load: 400))
        let waiting = samples(&state, repeatElement(490, count: 10), load: 390)
        #expect(!waiting.contains(true))
        // The clients are gone; the C library keeps their memory.
        let gone = samples(&state, [490], load: 1)
        #expect(gone == [true])
    }

    @Test func `a small process is trimmed when it has grown by more than a tenth`() {
        var state = MemoryTrimmer(Self.sample(50))
        let found = samples(&state, [50, 57, 57, 57, 57])
        #expect(found == [false, false, false, false, true])
        state.trimmed(Self.sample(52))
        let little = samples(&state, repeatElement(55, count: 10))
        #expect(!little.contains(true))
    }

    @Test func `a growing process is not trimmed`() {
        var state = MemoryTrimmer(Self.sample(50))
        let found = samples(&state, (0..<50).map { 60 + $0 * 20 })
        #expect(!found.contains(true))
    }

    @Test func `the resident size of the process can be read`() {
        #expect(MemoryTrimmer.residentBytes > Self.mega)
    }
}
