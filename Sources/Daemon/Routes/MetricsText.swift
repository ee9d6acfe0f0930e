/// Builds a page of metrics in Prometheus' text format, version 0.0.4.
struct MetricsText {
    private(set) var bytes: [UInt8] = []

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    enum Kind: String {
        case counter, gauge, histogram
    }

    /// One metric with one value.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        add(name, kind, help, [([], Double(value))])
    }

    /// One metric with a value for each set of labels.
    mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]
    ) {
        guard !samples.isEmpty else { return }
        begin(name, kind, help)
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    /// One histogram for each set of labels.
    ///
    /// - Parameters:
    ///   - bounds: upper bounds of the buckets, rising, without the last one, which has none.
    ///   - counts: of each bucket alone, one more than there are bounds.
    mutating func addHistogram(
        _ name: String, _ help: String, bounds: [Double],
        _ histograms: [(labels: [(String, String)], counts: [UInt64], sum: Double)]
    ) {
        guard !histograms.isEmpty else { return }
        begin(name, .histogram, help)
        for histogram in histograms {
            var total: UInt64 = 0
            for (bound, count) in zip(bounds.map(Self.text) + ["+Inf"], histogram.counts) {
                total += count
                line("\(name)_bucket", histogram.labels + [("le", bound)], Double(total))
            }
            line("\(name)_sum", histogram.labels, histogram.sum)
            line("\(name)_count", histogram.labels, Double(total))
        }
    }

    private mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        bytes += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n".utf8
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: Double) {
        bytes += name.utf8
        if !labels.isEmpty {
            bytes += "{\(labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ","))}".utf8
        }
        bytes += " \(Self.text(of: value))\n".utf8
    }

    private static func text(of value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    private static func escaped(_ label: String) -> String {
        var text = ""
        for character in label {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        return text
    }
}
