import CoreMetrics
import Logging
import Support
import Synchronization

/// Counts what is refused, by reason, and logs it. Repeated lines are folded, since refused clients retry. Any thread.
final class RefusalLog: Sendable {
    private struct Key: Hashable {
        var place: RefusalRecord.Place
        var reason: ByteString
        var plugin: ByteString?

        var labels: [(String, String)] {
            [("at", place.rawValue), ("reason", reason.text)] + (plugin.map { [("plugin", $0.text)] } ?? [])
        }
    }

    /// Maximum number of counters. Plugins have reasons of their own; further ones are counted as `other`.
    static let reasonLimit = 512
    /// Maximum bytes of a reason; a longer one is cut.
    private static let reasonLength = 64

    private let deduplicator: LogDeduplicator
    private let threshold: LogThreshold
    private let metrics: any MetricsFactory
    private let counters = Mutex<[Key: Counter]>([:])

    /// - Parameters:
    ///   - threshold: that of the log.
    ///   - metrics: makes the counters, one for each place, reason and plugin.
    init(deduplicator: LogDeduplicator, threshold: LogThreshold, metrics: any MetricsFactory) {
        self.deduplicator = deduplicator
        self.metrics = metrics
        self.threshold = threshold
    }

    func record(_ record: RefusalRecord) {
        let key = Key(
            place: record.place, reason: ByteString(record.reason.cut(to: Self.reasonLength)),
            plugin: record.plugin.map { ByteString($0) })
        let counted = counters.withLock { counters in
            let counted =
                counters[key] != nil || counters.count < Self.reasonLimit
                ? key : Key(place: record.place, reason: "other")
            let counter =
                counters[counted]
                ?? Counter(label: "jackfield_refusals_total", dimensions: counted.labels, factory: metrics)
            counters[counted] = counter
            counter.increment()
            return counted
        }
        guard threshold.level <= .info else { return }
        deduplicator.log(
            .info, template: UInt64(bitPattern: Int64(counted.hashValue)), now: Clock.monotonicMilliseconds
        ) { Self.line(record) }
    }

    private static func line(_ record: RefusalRecord) -> LogLine {
        let message =
            switch record.place {
            case .http: "a request was refused"
            case .connect: "a socket was refused"
            case .event: "an event was refused"
            case .handler: "a handler answered with an error"
            }
        var metadata: Logger.Metadata = ["reason": "\(record.reason)"]
        if !record.detail.isEmpty { metadata["detail"] = "\(record.detail)" }
        if !record.address.isEmpty { metadata["address"] = "\(record.address)" }
        if let plugin = record.plugin { metadata["plugin"] = "\(plugin)" }
        return LogLine(level: .info, message: message, metadata: metadata)
    }
}
