import CoreMetrics
import Synchronization

/// One metric with one set of labels. Any thread.
protocol MetricSeries: AnyObject, Sendable {
    static var kind: MetricsText.Kind { get }
    /// - Parameter bounds: upper bounds of a histogram's buckets.
    init(bounds: [Double])
    var sample: MetricSample { get }
}

/// The current value of a series.
enum MetricSample {
    case number(Double)
    /// `counts` are those of each bucket alone, one more than there are bounds.
    case histogram(counts: [UInt64], sum: Double)
}

/// A number that only grows, except for ``reset()``. Negative amounts are ignored.
final class CounterSeries: MetricSeries, CounterHandler, FloatingPointCounterHandler {
    static let kind = MetricsText.Kind.counter
    private let whole = Atomic<UInt64>(0)
    private let fractional = AtomicDouble()

    init(bounds: [Double] = []) {}

    var value: Double { Double(whole.load(ordering: .relaxed)) + fractional.value }

    var sample: MetricSample { .number(value) }

    func increment(by amount: Int64) {
        if amount > 0 { whole.wrappingAdd(UInt64(amount), ordering: .relaxed) }
    }

    func increment(by amount: Double) {
        if amount > 0, amount.isFinite { fractional.add(amount) }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        fractional.set(0)
    }
}

/// A number that goes up and down.
final class GaugeSeries: MetricSeries, RecorderHandler, MeterHandler {
    static let kind = MetricsText.Kind.gauge
    private let number = AtomicDouble()

    init(bounds: [Double] = []) {}

    var sample: MetricSample { .number(number.value) }

    func record(_ value: Int64) { number.set(Double(value)) }
    func record(_ value: Double) { number.set(value) }
    func set(_ value: Int64) { number.set(Double(value)) }
    func set(_ value: Double) { number.set(value) }
    func increment(by amount: Double) { number.add(amount) }
    func decrement(by amount: Double) { number.add(-amount) }
}

/// How often a value fell between two bounds. A timer records seconds. NaN is ignored.
final class HistogramSeries: MetricSeries, RecorderHandler, TimerHandler {
    static let kind = MetricsText.Kind.histogram
    private let bounds: [Double]
    private let state: Mutex<(counts: [UInt64], sum: Double)>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex((Array(repeating: 0, count: bounds.count + 1), 0))
    }

    var sample: MetricSample { state.withLock { .histogram(counts: $0.counts, sum: $0.sum) } }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}

/// A `Double` that threads share: Synchronization has atomics of integers only.
struct AtomicDouble: ~Copyable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var current = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: current) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: current, desired: sum, ordering: .relaxed)
            if exchanged { return }
            current = original
        }
    }
}
