import Testing

@testable import PrometheusMetrics

@Suite("Prometheus text")
struct MetricsTextTests {
    private func lines(_ text: MetricsText) -> [String] {
        String(decoding: text.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("a histogram's buckets are cumulative and end with +Inf, beside its sum and count")
    func histogram() {
        var text = MetricsText()
        text.addHistogram("lag_seconds", "Lag.", bounds: [0.001, 0.5], [([("loop", "0")], [2, 0, 1], 1.25)])
        #expect(
            lines(text) == [
                "# HELP lag_seconds Lag.", "# TYPE lag_seconds histogram",
                #"lag_seconds_bucket{loop="0",le="0.001"} 2"#, #"lag_seconds_bucket{loop="0",le="0.5"} 2"#,
                #"lag_seconds_bucket{loop="0",le="+Inf"} 3"#,
                #"lag_seconds_sum{loop="0"} 1.25"#, #"lag_seconds_count{loop="0"} 3"#,
            ])
    }

    @Test("a backslash, a line feed and a quote are escaped in labels, the first two in help texts")
    func escaping() {
        var text = MetricsText()
        text.add("x_total", .counter, "One\\two\r\nthree \"four\".", [([("name", "a\\b\"c\r\nd")], 1)])
        #expect(
            String(decoding: text.bytes, as: UTF8.self)
                == "# HELP x_total One\\\\two\r\\nthree \"four\".\n# TYPE x_total counter\nx_total{name=\"a\\\\b\\\"c\r\\nd\"} 1\n"
        )
    }

    @Test("numbers that are none have the names that Prometheus reads")
    func specialValues() {
        var text = MetricsText()
        let values: [Double] = [.nan, .infinity, -.infinity, 0.25, 1e20, 3]
        text.add("x", .gauge, "X.", values.enumerated().map { ([("n", "\($0.offset)")], $0.element) })
        #expect(
            lines(text).dropFirst(2).map { $0.split(separator: " ")[1] }
                == ["NaN", "+Inf", "-Inf", "0.25", "1e+20", "3"])
    }

    @Test("of two metrics with one name the page has the first, since Prometheus rejects a page with both")
    func names() {
        var text = MetricsText()
        text.add("x", .gauge, "X.", 1)
        text.add("x", .counter, "Another.", 2)
        text.addHistogram("x", "A third.", bounds: [1], [([], [0, 1], 2)])
        #expect(lines(text) == ["# HELP x X.", "# TYPE x gauge", "x 1"])
    }
}
