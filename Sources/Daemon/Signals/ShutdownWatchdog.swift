import Foundation
import Glibc
import Logging
import ServiceLifecycle
import Support
import Synchronization

/// Reads the process's signals on a thread of its own, and ends the process when a stop takes too long, whatever
/// else its threads are doing.
final class ShutdownWatchdog: Service {
    private let signals: ProcessSignals
    /// From the first SIGTERM or SIGINT to the end of the process.
    private let deadline: Duration
    /// Called when the process is about to end in the middle of a stop: closes what can be closed at once, and
    /// says what held the stop up.
    private let giveUp: @Sendable () -> [String]
    private let logger: Logger
    /// When the process ends, in ms of ``Support/Clock/monotonicMilliseconds``; `nil`: nothing has asked it to stop.
    private let end = Mutex<Int64?>(nil)

    /// How long the process may live beyond its deadline, for a stop that is just about to be over.
    private static let gracePeriod = Duration.milliseconds(600)

    init(_ signals: ProcessSignals, deadline: Duration, giveUp: @escaping @Sendable () -> [String], logger: Logger) {
        self.signals = signals
        self.deadline = deadline
        self.giveUp = giveUp
        self.logger = logger
    }

    /// Returns at the first signal that asks the daemon to stop.
    func run() async throws {
        let (requests, request) = AsyncStream.makeStream(of: Void.self)
        let thread = Thread { self.watch(request) }
        thread.name = "jf-signals"
        thread.start()
        for await _ in requests { return }
    }

    /// The daemon stops, for whatever reason: its time runs.
    func stopping() {
        let isNew = end.withLock { end in
            guard end == nil else { return false }
            end = Clock.monotonicMilliseconds + Int64((deadline + Self.gracePeriod).wholeMilliseconds)
            return true
        }
        if isNew { signals.wake() }
    }

    // MARK: - On the thread

    private func watch(_ request: AsyncStream<Void>.Continuation) {
        while true {
            let left = end.withLock { $0 }.map { max(0, $0 - Clock.monotonicMilliseconds) }
            if left == 0 { exitNow() }
            var wanted = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&wanted, 1, left.map { Int32(clamping: $0) } ?? -1)
            var numbers = [UInt8](repeating: 0, count: 64)
            let count = read(signals.descriptor, &numbers, numbers.count)
            for number in numbers.prefix(max(0, count)) where number != 0 { received(Int32(number), request) }
        }
    }

    private func received(_ number: Int32, _ request: AsyncStream<Void>.Continuation) {
        guard number != SIGHUP else {
            return logger.notice(
                "SIGHUP has no effect: this version does not reload its configuration; restart the daemon for that")
        }
        stopping()
        request.yield()
    }

    private func exitNow() -> Never {
        for line in giveUp() { logger.error("\(line)") }
        logger.error(
            "the stop took longer than limits.shutdownDeadline, \(deadline.wholeMilliseconds) ms: the daemon ends now, with exit code 1"
        )
        Self.exit(1)
    }

    /// Ends the process without calling what plugins have registered for its exit: threads that were
    /// given up may be using it.
    static func exit(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }
}
