import Testing

@testable import Daemon

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

    @Test("labels are escaped")
    func escaping() {
        var text = MetricsText()
        text.add("x_total", .counter, "X.", [([("name", "a\\b\"c\nd")], 1)])
        #expect(lines(text).last == #"x_total{name="a\\b\"c\nd"} 1"#)
    }
}
