import Support

/// A result that one thread waits for while another makes it.
///
/// `@unchecked Sendable`: all state is touched under `monitor` only.
final class BlockingFuture<Value: Sendable>: @unchecked Sendable {
    private let monitor = Monitor()
    private var value: Value?
    private var isOver = false

    func fulfil(_ value: Value) {
        monitor.withLock {
            self.value = value
            isOver = true
            monitor.broadcast()
        }
    }

    /// There will be no result.
    func cancel() {
        monitor.withLock {
            isOver = true
            monitor.broadcast()
        }
    }

    /// Whether there is a result, or will be none.
    var isSettled: Bool { monitor.withLock { isOver } }

    /// The result; `nil` if there is none by `deadline` (``Clock/monotonicNanoseconds``).
    func wait(until deadline: Int64) -> Value? {
        monitor.withLock {
            while !isOver, Clock.monotonicNanoseconds < deadline { monitor.wait(until: deadline) }
            return value
        }
    }
}
