import CoreMetrics
import Support
import Synchronization
import Transport

/// Measures how long the requests of one route wait for their answers, as `jackfield_http_request_duration_seconds`.
///
/// Only routes whose handlers run on a strand have them. A handler that runs inline holds up its loop, which is
/// measured by `jackfield_loop_lag_seconds`, and is too short to be worth two readings of the clock. Any thread.
final class RouteTimers: Sendable {
    private let labels: [(String, String)]
    /// By the first digit of the status. Made when the first answer has it, so that no empty histograms are shown.
    private let timers = Mutex<[Int: CoreMetrics.Timer]>([:])

    init(plugin: String, method: ByteString, path: String) {
        labels = [("plugin", plugin), ("method", method.text), ("route", path)]
    }

    func record(status: Int, nanoseconds: Int64) {
        let digit = status / 100
        let timer = timers.withLock { timers in
            if let timer = timers[digit] { return timer }
            let timer = CoreMetrics.Timer(
                label: "jackfield_http_request_duration_seconds", dimensions: labels + [("status", "\(digit)xx")])
            timers[digit] = timer
            return timer
        }
        timer.recordNanoseconds(nanoseconds)
    }
}

/// Measures one request: the time from its last byte to its answer, or to the head of its stream.
final class RequestMeasurement: Sendable {
    let responder: HTTPResponder
    private let timers: RouteTimers
    private let start = Clock.monotonicNanoseconds

    init(_ responder: HTTPResponder, _ timers: RouteTimers) {
        self.responder = responder
        self.timers = timers
    }

    /// Records the time until now if the request `wasAnswered`, which it returns.
    func answered(_ status: Int, _ wasAnswered: Bool) -> Bool {
        if wasAnswered { timers.record(status: status, nanoseconds: Clock.monotonicNanoseconds - start) }
        return wasAnswered
    }
}
