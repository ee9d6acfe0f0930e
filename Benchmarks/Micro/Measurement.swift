import CAllocations

/// Nanoseconds and allocations of one operation.
struct Measurement {
    let nanoseconds: Double
    let allocations: Double
    let bytes: Double

    private static let batches = 21
    /// Long enough that reading the clock costs little in comparison, short enough that most batches are not
    /// interrupted.
    private static let batchTime = Duration.milliseconds(5)

    /// Takes the median of batches, which interruptions of some of them do not change.
    init(_ benchmark: Benchmark) {
        let body = benchmark.prepare()
        let clock = ContinuousClock()
        var count = 16
        var time = clock.measure { body(count) }
        while time < Self.batchTime, count < 1 << 24 {
            count *= 2
            time = clock.measure { body(count) }
        }
        var times: [Double] = []
        times.reserveCapacity(Self.batches)
        for _ in 0..<Self.batches {
            times.append(clock.measure { body(count) } / .nanoseconds(1) / Double(count))
        }
        nanoseconds = times.sorted()[Self.batches / 2]
        let counted = MeasuredRegion.run { body(count) }
        allocations = Double(counted.allocations) / Double(count)
        bytes = Double(counted.bytes) / Double(count)
    }
}
