import CoreMetrics
import Testing

@testable import PrometheusMetrics

@Suite("Metrics of swift-metrics")
struct PrometheusRegistryTests {
    private let registry = PrometheusRegistry(seriesLimit: 3)

    /// The lines of the page, without those about dropped series.
    private var lines: [String] {
        get async {
            String(decoding: await registry.page(), as: UTF8.self).split(separator: "\n").map(String.init)
                .filter { !$0.contains("jackfield_metrics_series_dropped_total") }
        }
    }

    private func dropped(_ reason: String) async -> Int? {
        let name = #"jackfield_metrics_series_dropped_total{reason="\#(reason)"} "#
        return String(decoding: await registry.page(), as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) }
    }

    @Test("counters of one name and one set of labels are one series, in whatever order the labels are")
    func counters() async {
        let one = Counter(label: "orders.made", dimensions: [("kind", "a"), ("at", "x")], factory: registry)
        one.increment(by: 2)
        Counter(label: "orders.made", dimensions: [("at", "x"), ("kind", "a")], factory: registry).increment()
        Counter(label: "orders.made", dimensions: [("at", "w"), ("kind", "a")], factory: registry).increment(by: -5)
        FloatingPointCounter(label: "orders.made", dimensions: [("at", "x"), ("kind", "a")], factory: registry)
            .increment(by: 0.5)
        #expect(
            await lines == [
                #"# HELP orders_made_total Counter "orders.made" of swift-metrics."#,
                "# TYPE orders_made_total counter",
                #"orders_made_total{at="w",kind="a"} 0"#,
                #"orders_made_total{at="x",kind="a"} 3.5"#,
            ])
        one.reset()
        #expect(await lines.last == #"orders_made_total{at="x",kind="a"} 0"#)
    }

    @Test("gauges and meters are gauges")
    func gauges() async {
        Gauge(label: "depth", factory: registry).record(7)
        let meter = Meter(label: "level", factory: registry)
        meter.set(4)
        meter.increment(by: 2.5)
        meter.decrement(by: 1)
        #expect(
            await lines.filter { !$0.hasPrefix("# HELP") } == [
                "# TYPE depth gauge", "depth 7", "# TYPE level gauge", "level 5.5",
            ])
    }

    @Test("a timer is a histogram of seconds")
    func timers() async {
        registry.describe("wait_seconds", "Time spent waiting.", bounds: [0.01, 1])
        let timer = Timer(label: "wait", factory: registry)
        timer.recordMilliseconds(10)
        timer.recordMilliseconds(500)
        timer.recordNanoseconds(2_000_000_000)
        #expect(
            await lines == [
                "# HELP wait_seconds Time spent waiting.", "# TYPE wait_seconds histogram",
                #"wait_seconds_bucket{le="0.01"} 1"#, #"wait_seconds_bucket{le="1"} 2"#,
                #"wait_seconds_bucket{le="+Inf"} 3"#, "wait_seconds_sum 2.51", "wait_seconds_count 3",
            ])
    }

    @Test("a recorder that aggregates is a histogram whose bounds fit counts and bytes")
    func recorders() async {
        let recorder = Recorder(label: "answer_bytes", factory: registry)
        recorder.record(1_024)
        recorder.record(Double.nan)
        let lines = await lines
        #expect(lines.contains(#"answer_bytes_bucket{le="256"} 0"#))
        #expect(lines.contains(#"answer_bytes_bucket{le="1024"} 1"#))
        #expect(lines.contains("answer_bytes_count 1"))
    }

    @Test(
        "names are made such that Prometheus allows them",
        arguments: [
            ("http.server-requests", "http_server_requests_total"), ("2fast", "_2fast_total"), ("", "__total"),
            ("a:b", "a_b_total"), ("größe", "gr____e_total"), ("done_total", "done_total"),
        ])
    func names(label: String, name: String) {
        #expect(MetricName.metric(label, suffix: "_total").text == name)
    }

    @Test("labels that Prometheus keeps for itself are renamed, values are escaped and cut, a second value is ignored")
    func labels() async {
        let labels = [
            ("le", "1"), ("__name__", "x"), ("a b", "q\"\\\n"), ("a b", "second"),
            ("long", String(repeating: "x", count: 1_000)),
        ]
        Counter(label: "x", dimensions: labels, factory: registry).increment()
        let line = await lines.last ?? ""
        #expect(line.hasPrefix(#"x_total{a_b="q\"\\\n",label___name__="x",label_le="1",long="xxx"#))
        #expect(line.utf8.count < PrometheusRegistry.valueLimit + 120)
    }

    @Test("label sets beyond the limit are dropped and counted; those that exist go on")
    func seriesLimit() async {
        for round in 0..<2 {
            for number in 0..<5 {
                Counter(label: "x", dimensions: [("user", "\(number)")], factory: registry).increment(by: round + 1)
            }
        }
        #expect(
            await lines.dropFirst(2) == [
                #"x_total{user="0"} 3"#, #"x_total{user="1"} 3"#, #"x_total{user="2"} 3"#,
            ])
        #expect(await dropped("limit") == 4)
    }

    @Test("names beyond the limit are dropped and counted")
    func nameLimit() async {
        for number in 0..<PrometheusRegistry.nameLimit + 10 {
            Gauge(label: "gauge_\(number)", factory: registry).record(1)
        }
        #expect(await lines.count == 3 * PrometheusRegistry.nameLimit)
        #expect(await dropped("limit") == 10)
    }

    @Test("a name keeps the type that it had first")
    func types() async {
        Gauge(label: "x", factory: registry).record(1)
        Recorder(label: "x", factory: registry).record(2)
        #expect(await lines.dropFirst() == ["# TYPE x gauge", "x 1"])
        #expect(await dropped("type") == 1)
        #expect(await dropped("limit") == 0)
    }

    @Test("a metric that is destroyed leaves the page")
    func destroying() async {
        let counter = Counter(label: "x", dimensions: [("a", "1")], factory: registry)
        Counter(label: "x", dimensions: [("a", "2")], factory: registry).increment()
        let timer = Timer(label: "t", factory: registry)
        counter.destroy()
        timer.destroy()
        #expect(await lines.dropFirst(2) == [#"x_total{a="2"} 1"#])
    }

    @Test("collectors are read for each page, before the metrics of swift-metrics")
    func collectors() async {
        struct Collector: MetricsCollector {
            func collect(into text: inout MetricsText) async { text.add("from_collector", .gauge, "X.", 5) }
        }
        Gauge(label: "from_collector", factory: registry).record(6)
        registry.register(Collector())
        #expect(await lines.filter { $0.hasPrefix("from_collector") } == ["from_collector 5"])
    }

    @Test("threads share a series and lose nothing")
    func threads() async {
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask { [registry] in
                    for _ in 0..<1_000 {
                        Counter(label: "x", factory: registry).increment()
                        FloatingPointCounter(label: "x", factory: registry).increment(by: 0.5)
                        Meter(label: "m", factory: registry).increment()
                        Timer(label: "t", factory: registry).recordSeconds(1)
                    }
                }
            }
        }
        let lines = await lines
        #expect(lines.contains("x_total 12000"))
        #expect(lines.contains("m 8000"))
        #expect(lines.contains("t_seconds_sum 8000"))
    }
}
