import CoreMetrics
import Support
import Synchronization

/// The metrics of the process, as one page for Prometheus. Any thread.
///
/// They come in on two ways. Code that reports through swift-metrics gets its counters, gauges and histograms here,
/// once `MetricsSystem.bootstrap(_:)` has been called with the registry. Code that counts in integers of its own,
/// because it is called too often for anything else, is read by a ``MetricsCollector`` each time the page is made.
///
/// Names that Prometheus does not allow are changed, and end as its conventions ask: a counter with `_total`, a timer
/// with `_seconds`. A gauge is a recorder that does not aggregate, or a meter; a histogram is a recorder that does, or
/// a timer.
///
/// The numbers of metrics and of label sets are bounded, so that labels chosen by clients cannot fill the memory. What
/// exceeds the bounds is accepted and thrown away, and counted in `jackfield_metrics_series_dropped_total`.
public final class PrometheusRegistry: MetricsFactory {
    /// Metrics that are kept.
    public static let nameLimit = 1_024
    /// Label sets that are kept of one metric.
    public static let defaultSeriesLimit = 1_024
    /// Bytes of a label's value; longer ones are cut.
    public static let valueLimit = 256

    /// Upper bounds of a timer's buckets, in seconds.
    public static let timerBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Upper bounds of the buckets of other histograms, for counts and bytes: the powers of 4 up to 2^30.
    public static let recorderBounds = (0...15).map { Double(1 << (2 * $0)) }

    private struct Description {
        var help: String
        var bounds: [Double]?
    }

    private struct Family {
        let kind: MetricsText.Kind
        let help: String
        let bounds: [Double]
        var series: [MetricLabels: any MetricSeries] = [:]
    }

    private struct State {
        var descriptions: [ByteString: Description] = [:]
        var families: [ByteString: Family] = [:]
        var collectors: [any MetricsCollector] = []
    }

    private let seriesLimit: Int
    private let state = Mutex(State())
    /// Requests for a series that was not kept, for one of two reasons.
    private let droppedForLimit = CounterSeries()
    private let droppedForType = CounterSeries()

    /// - Parameter seriesLimit: label sets that are kept of one metric.
    public init(seriesLimit: Int = PrometheusRegistry.defaultSeriesLimit) {
        self.seriesLimit = seriesLimit
    }

    /// Sets the help text of a metric, which swift-metrics does not know. Call it before the metric is made.
    ///
    /// - Parameters:
    ///   - name: as it stands on the page.
    ///   - bounds: upper bounds of a histogram's buckets, rising; `nil`: ``timerBounds`` or ``recorderBounds``.
    public func describe(_ name: String, _ help: String, bounds: [Double]? = nil) {
        state.withLock { $0.descriptions[ByteString(name)] = Description(help: help, bounds: bounds) }
    }

    /// Has a collector called for each page, in the order of registration and before the metrics of swift-metrics.
    public func register(_ collector: any MetricsCollector) {
        state.withLock { $0.collectors.append(collector) }
    }

    /// Makes the page.
    public func page() async -> [UInt8] {
        var text = MetricsText()
        for collector in state.withLock({ $0.collectors }) { await collector.collect(into: &text) }
        addFamilies(to: &text)
        return text.bytes
    }

    /// Adds what was reported through swift-metrics, ordered by name and labels.
    func addFamilies(to text: inout MetricsText) {
        text.add(
            "jackfield_metrics_series_dropped_total", .counter,
            "Series not kept: too many of them, or of another type than the metric of this name.",
            [([("reason", "limit")], droppedForLimit.value), ([("reason", "type")], droppedForType.value)])
        for (name, family) in state.withLock({ $0.families }).sorted(by: { $0.key < $1.key }) {
            var numbers: [(labels: [(String, String)], value: Double)] = []
            var histograms: [(labels: [(String, String)], counts: [UInt64], sum: Double)] = []
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                switch series.sample {
                case .number(let value): numbers.append((labels.pairs, value))
                case .histogram(let counts, let sum): histograms.append((labels.pairs, counts, sum))
                }
            }
            text.add(name.text, family.kind, family.help, numbers)
            text.addHistogram(name.text, family.help, bounds: family.bounds, histograms)
        }
    }

    // MARK: - MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, suffix: "_total", what: "Counter") as CounterSeries
    }

    public func makeFloatingPointCounter(label: String, dimensions: [(String, String)])
        -> any FloatingPointCounterHandler
    {
        series(label, dimensions, suffix: "_total", what: "Counter") as CounterSeries
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, what: "Meter") as GaugeSeries
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        aggregate
            ? series(label, dimensions, bounds: Self.recorderBounds, what: "Recorder") as HistogramSeries
            : series(label, dimensions, what: "Gauge") as GaugeSeries
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, suffix: "_seconds", bounds: Self.timerBounds, what: "Timer") as HistogramSeries
    }

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// Finds or creates the series. A series beyond the limits is returned too, but is not on the page.
    private func series<Series: MetricSeries>(
        _ label: String, _ dimensions: [(String, String)], suffix: String = "", bounds: [Double] = [], what: String
    ) -> Series {
        let name = MetricName.metric(label, suffix: suffix)
        let labels = MetricLabels(dimensions)
        return state.withLock { state in
            if state.families[name] == nil, state.families.count < Self.nameLimit {
                let description = state.descriptions[name]
                state.families[name] = Family(
                    kind: Series.kind, help: description?.help ?? "\(what) \"\(label)\" of swift-metrics.",
                    bounds: description?.bounds ?? bounds)
            }
            guard let family = state.families[name] else { return drop(droppedForLimit, bounds) }
            guard family.kind == Series.kind else { return drop(droppedForType, bounds) }
            if let known = family.series[labels] as? Series { return known }
            guard family.series.count < seriesLimit else { return drop(droppedForLimit, bounds) }
            let new = Series(bounds: family.bounds)
            state.families[name]?.series[labels] = new
            return new
        }
    }

    private func drop<Series: MetricSeries>(_ counter: CounterSeries, _ bounds: [Double]) -> Series {
        counter.increment(by: Int64(1))
        return Series(bounds: bounds)
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                guard let labels = family.series.first(where: { $0.value === handler })?.key else { continue }
                state.families[name]?.series[labels] = nil
                return
            }
        }
    }
}

/// Reads what a part of the program counts by itself, each time a page is made.
public protocol MetricsCollector: Sendable {
    func collect(into text: inout MetricsText) async
}

/// Makes names that Prometheus allows: ASCII letters, digits and `_`, the first of them no digit. A colon is allowed
/// too, but reserved for recording rules.
enum MetricName {
    /// - Parameter suffix: what the name ends with; appended if it does not.
    static func metric(_ label: String, suffix: String) -> ByteString {
        let name = allowed(label)
        return ByteString(
            decoding: name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) ? name : name + suffix.utf8)
    }

    static func label(_ label: String) -> ByteString {
        let name = ByteString(decoding: allowed(label))
        // Names that begin with `__` are Prometheus' own, and `le` is the bound of a bucket.
        return name.hasPrefix("__") || name == "le" ? ByteString("label_\(name.text)") : name
    }

    private static func allowed(_ text: String) -> [UInt8] {
        var name: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): name.append(byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if name.isEmpty { name.append(UInt8(ascii: "_")) }
                name.append(byte)
            default: name.append(UInt8(ascii: "_"))
            }
        }
        return name.isEmpty ? [UInt8(ascii: "_")] : name
    }
}

/// The labels of one series, sorted by name. Two lists with the same labels in another order are equal.
struct MetricLabels: Hashable, Comparable {
    private struct Label: Hashable {
        let name: ByteString
        let value: ByteString
    }

    private let labels: [Label]

    /// Of labels with the same name the first counts.
    init(_ dimensions: [(String, String)]) {
        var labels: [Label] = []
        for (name, value) in dimensions {
            let name = MetricName.label(name)
            guard !labels.contains(where: { $0.name == name }) else { continue }
            labels.append(Label(name: name, value: ByteString(value.cut(to: PrometheusRegistry.valueLimit))))
        }
        self.labels = labels.sorted { $0.name < $1.name }
    }

    var pairs: [(String, String)] { labels.map { ($0.name.text, $0.value.text) } }

    static func < (left: MetricLabels, right: MetricLabels) -> Bool {
        left.labels.lexicographicallyPrecedes(right.labels) { ($0.name, $0.value) < ($1.name, $1.value) }
    }
}
