import Foundation
import Glibc
import Logging
import ServiceLifecycle
import Support
import Synchronization

/// Reads the process's signals on its own thread, and ends the process when a stop takes too long, even if all other
/// threads are blocked.
final class ShutdownWatchdog: Service {
    private let signals: ProcessSignals
    private let currentDeadline: Mutex<Duration>
    /// Called before the process ends in the middle of a stop. Closes what can be closed at once, and returns log lines
    /// that name what held up the stop.
    private let giveUp: @Sendable () -> [String]
    private let logger: Logger
    /// Requests to stop: of signals, and of the operator's command.
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation
    /// SIGHUPs. Those that come while one is waiting to be handled count as one.
    let hangups: AsyncStream<Void>
    private let hangup: AsyncStream<Void>.Continuation
    /// When the process ends, in ms of ``Support/Clock/monotonicMilliseconds``; `nil` until a stop begins.
    private let end = Mutex<Int64?>(nil)

    /// Extra time after the deadline, for a stop that is almost complete.
    private static let gracePeriod = Duration.milliseconds(600)

    init(_ signals: ProcessSignals, deadline: Duration, giveUp: @escaping @Sendable () -> [String], logger: Logger) {
        self.signals = signals
        currentDeadline = Mutex(deadline)
        self.giveUp = giveUp
        self.logger = logger
        (requests, request) = AsyncStream.makeStream()
        (hangups, hangup) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Time from the first SIGTERM or SIGINT to the end of the process. A change has no effect on a stop that has
    /// begun.
    var deadline: Duration {
        get { currentDeadline.withLock { $0 } }
        set { currentDeadline.withLock { $0 = newValue } }
    }

    /// Returns at the first signal or call of ``requestStop()`` that asks the daemon to stop.
    func run() async throws {
        let thread = Thread { self.watch() }
        thread.name = "jf-signals"
        thread.start()
        for await _ in requests { return }
    }

    /// Starts the deadline. Called when the daemon begins to stop, for any reason.
    func stopping() {
        let isNew = end.withLock { end in
            guard end == nil else { return false }
            end = Clock.monotonicMilliseconds + Int64((deadline + Self.gracePeriod).wholeMilliseconds)
            return true
        }
        if isNew { signals.wake() }
    }

    /// Stops the daemon, as SIGTERM does. Returns at once.
    func requestStop() {
        stopping()
        request.yield()
    }

    // MARK: - On the thread

    private func watch() {
        while true {
            let left = end.withLock { $0 }.map { max(0, $0 - Clock.monotonicMilliseconds) }
            if left == 0 { exitNow() }
            var wanted = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&wanted, 1, left.map { Int32(clamping: $0) } ?? -1)
            var numbers = [UInt8](repeating: 0, count: 64)
            let count = read(signals.descriptor, &numbers, numbers.count)
            for number in numbers.prefix(max(0, count)) where number != 0 { received(Int32(number)) }
        }
    }

    private func received(_ number: Int32) {
        if number == SIGHUP { hangup.yield() } else { requestStop() }
    }

    private func exitNow() -> Never {
        for line in giveUp() { logger.error("\(line)") }
        logger.error(
            "the stop took longer than limits.shutdownDeadline, \(deadline.wholeMilliseconds) ms: the daemon ends now, with exit code 1"
        )
        Self.exit(1)
    }

    /// Ends the process without running the exit handlers that plugins registered (`atexit`, destructors): abandoned
    /// threads may still use what those destroy.
    static func exit(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }
}
