import Support

/// A page of metrics in Prometheus' text format, version 0.0.4.
///
/// Names of metrics and labels are written as they are; values of labels and help texts are escaped.
public struct MetricsText {
    public private(set) var bytes: [UInt8] = []
    /// Names of the metrics on the page. Prometheus rejects a page that has one of them twice.
    private var names: Set<ByteString> = []

    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    public enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    public init() {}

    /// Adds a metric with one value and no labels.
    public mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        add(name, kind, help, [([], Double(value))])
    }

    /// Adds a metric with a value for each set of labels. Without values it adds nothing, and neither if the page has a
    /// metric of this name already.
    public mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]
    ) {
        guard !samples.isEmpty, begin(name, kind, help) else { return }
        for sample in samples { addLine(name, sample.labels, sample.value) }
    }

    /// Adds a metric with a histogram for each set of labels, under the same conditions.
    ///
    /// - Parameters:
    ///   - bounds: upper bounds of the buckets, rising, without the last one, which has none.
    ///   - histograms: `counts` are those of each bucket alone, one more than there are bounds.
    public mutating func addHistogram(
        _ name: String, _ help: String, bounds: [Double],
        _ histograms: [(labels: [(String, String)], counts: [UInt64], sum: Double)]
    ) {
        guard !histograms.isEmpty, begin(name, .histogram, help) else { return }
        for histogram in histograms {
            var total: UInt64 = 0
            for (bound, count) in zip(bounds.map(Self.text) + ["+Inf"], histogram.counts) {
                total += count
                addLine("\(name)_bucket", histogram.labels + [("le", bound)], Double(total))
            }
            addLine("\(name)_sum", histogram.labels, histogram.sum)
            addLine("\(name)_count", histogram.labels, Double(total))
        }
    }

    /// - Returns: `false` if the page has a metric of this name already.
    private mutating func begin(_ name: String, _ kind: Kind, _ help: String) -> Bool {
        guard names.insert(ByteString(name)).inserted else { return false }
        bytes += "# HELP \(name) ".utf8
        addEscaped(help, quotes: false)
        bytes += "\n# TYPE \(name) \(kind.rawValue)\n".utf8
        return true
    }

    private mutating func addLine(_ name: String, _ labels: [(String, String)], _ value: Double) {
        bytes += name.utf8
        for (index, label) in labels.enumerated() {
            bytes += "\(index == 0 ? "{" : ",")\(label.0)=\"".utf8
            addEscaped(label.1, quotes: true)
            bytes.append(UInt8(ascii: "\""))
        }
        if !labels.isEmpty { bytes.append(UInt8(ascii: "}")) }
        bytes += " \(Self.text(of: value))\n".utf8
    }

    /// - Parameter quotes: whether `"` is escaped too, as in values of labels.
    private mutating func addEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes += #"\\"#.utf8
            case UInt8(ascii: "\n"): bytes += #"\n"#.utf8
            case UInt8(ascii: "\"") where quotes: bytes += #"\""#.utf8
            default: bytes.append(byte)
            }
        }
    }

    private static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
