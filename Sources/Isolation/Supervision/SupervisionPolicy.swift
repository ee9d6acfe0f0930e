import Support

/// When a worker is started, when it is killed, and how long to wait after its end. Without I/O and clocks: the caller
/// passes the time in nanoseconds (any clock that never decreases), and carries out the actions.
///
/// The waits double after each failure, from ``Limits/firstBackOff`` to ``Limits/longestBackOff``, and begin again at
/// the first after a worker that ran well for ``Limits/goodRun``. It never gives up.
public struct SupervisionPolicy: Sendable {
    /// In nanoseconds, except ``memoryBytes``.
    public struct Limits: Sendable, Equatable {
        /// A worker that has to read or answer, and has done neither for so long, is killed; 0: never.
        public var hangAfter: Int64 = 10_000_000_000
        /// As long may a worker take from its start until ``SupervisionPolicy/ready(_:)``; 0: no limit.
        public var startAfter: Int64 = 60_000_000_000
        /// A worker that uses more memory is killed; 0: never.
        public var memoryBytes = 0
        public var firstBackOff: Int64 = 100_000_000
        public var longestBackOff: Int64 = 30_000_000_000
        public var goodRun: Int64 = 60_000_000_000

        public init() {}
    }

    public enum State: Sendable, Equatable {
        /// There is no process, and none will be started.
        case stopped
        /// The process runs; the plugin has not said that it is ready.
        case starting(since: Int64)
        /// The plugin works.
        case running(since: Int64)
        /// The process was killed and has not ended yet; `since` its start.
        case ending(Cause, since: Int64)
        /// The process has ended; the next one is started at `until`.
        case waiting(until: Int64)
    }

    /// Why a worker ended, or was killed.
    public enum Cause: Sendable, Equatable, CustomStringConvertible {
        /// The process ended by itself, or could not be started.
        case ended
        /// It did not become ready in time; nanoseconds.
        case slowStart(Int64)
        /// It had something to do and made no progress; nanoseconds.
        case hung(Int64)
        /// It used so many bytes.
        case memory(Int)
        /// It broke the rules of its channel: how.
        case broken(String)
        /// ``SupervisionPolicy/stop(_:)``.
        case stopped

        public var description: String {
            switch self {
            case .ended: "it ended by itself"
            case .slowStart(let time): "it was not ready after \(time / 1_000_000) ms, and was killed"
            case .hung(let time): "it made no progress for \(time / 1_000_000) ms, and was killed"
            case .memory(let bytes): "it used \(bytes) bytes of memory, and was killed"
            case .broken(let reason): "it broke the rules of its channel (\(reason)), and was killed"
            case .stopped: "it was stopped"
            }
        }
    }

    public enum Action: Sendable, Equatable {
        /// Start a process, and report ``started(_:)`` or ``ended(_:random:)``.
        case start
        /// Kill the process; ``ended(_:random:)`` follows.
        case kill(Cause)
    }

    /// The end of a worker.
    public struct End: Sendable, Equatable {
        public let cause: Cause
        /// How long it ran, in nanoseconds.
        public let uptime: Int64
        /// How many workers in a row have ended without a good run, this one included.
        public let failures: Int
        /// How long until the next start, in nanoseconds; `nil` if there is none.
        public let backOff: Int64?
    }

    public let limits: Limits
    public private(set) var state = State.stopped
    /// How many workers in a row have ended without a good run.
    public private(set) var failures = 0
    /// How many processes were started after the first one.
    public private(set) var restarts = 0
    private var hasStarted = false
    private var isStopping = false
    /// The progress counter at the last change, and when that was.
    private var progress: (counter: UInt64, time: Int64)?

    public init(_ limits: Limits = Limits()) {
        self.limits = limits
    }

    /// A worker is wanted now.
    public mutating func start(_ now: Int64) -> Action? {
        isStopping = false
        guard state == .stopped else { return nil }
        return beginStart(now)
    }

    private mutating func beginStart(_ now: Int64) -> Action {
        if hasStarted { restarts += 1 }
        hasStarted = true
        progress = nil
        state = .starting(since: now)
        return .start
    }

    /// The plugin works.
    public mutating func ready(_ now: Int64) {
        guard case .starting(let since) = state else { return }
        progress = nil
        state = .running(since: since)
    }

    /// No worker is wanted any more.
    public mutating func stop(_ now: Int64) -> Action? {
        isStopping = true
        switch state {
        case .stopped, .ending: return nil
        case .waiting:
            state = .stopped
            return nil
        case .starting(let since), .running(let since): return end(.stopped, since)
        }
    }

    /// The worker broke the rules of its channel.
    public mutating func broken(_ reason: String) -> Action? {
        switch state {
        case .stopped, .ending, .waiting: nil
        case .starting(let since), .running(let since): end(.broken(reason), since)
        }
    }

    private mutating func end(_ cause: Cause, _ since: Int64) -> Action {
        state = .ending(cause, since: since)
        return .kill(cause)
    }

    /// Call it when ``nextCheck(_:)`` says.
    ///
    /// - Parameters:
    ///   - isBusy: whether the worker has something to read or to answer.
    ///   - counter: any number that changes when the worker reads or answers.
    ///   - memory: the bytes that it uses; `nil` if they are unknown.
    public mutating func check(_ now: Int64, isBusy: Bool, counter: UInt64, memory: Int?) -> Action? {
        switch state {
        case .stopped, .ending: return nil
        case .waiting(let until): return now < until ? nil : beginStart(now)
        case .starting(let since):
            if let action = checkMemory(memory, since) { return action }
            guard limits.startAfter > 0, now - since >= limits.startAfter else { return nil }
            return end(.slowStart(now - since), since)
        case .running(let since):
            if let action = checkMemory(memory, since) { return action }
            guard isBusy, let last = progress, last.counter == counter else {
                progress = (counter, now)
                return nil
            }
            guard limits.hangAfter > 0, now - last.time >= limits.hangAfter else { return nil }
            return end(.hung(now - last.time), since)
        }
    }

    private mutating func checkMemory(_ memory: Int?, _ since: Int64) -> Action? {
        guard let memory, limits.memoryBytes > 0, memory > limits.memoryBytes else { return nil }
        return end(.memory(memory), since)
    }

    /// The process has ended, or could not be started.
    ///
    /// - Parameter random: any number; it shortens the wait by at most a quarter, so that workers that ended together
    ///   do not start together.
    public mutating func ended(_ now: Int64, random: UInt64) -> End? {
        let cause: Cause
        let start: Int64
        switch state {
        case .stopped, .waiting: return nil
        case .starting(let since), .running(let since): (cause, start) = (.ended, since)
        case .ending(let known, let since): (cause, start) = (known, since)
        }
        let uptime = now - start
        let isWanted = !isStopping
        failures = uptime >= limits.goodRun ? 1 : failures + 1
        let backOff = isWanted ? self.backOff(random) : nil
        if let backOff {
            state = .waiting(until: now + backOff)
        } else {
            state = .stopped
            failures = 0
        }
        return End(cause: cause, uptime: uptime, failures: failures, backOff: backOff)
    }

    /// The wait after the last failure.
    private func backOff(_ random: UInt64) -> Int64 {
        // Beyond 62 doublings the shift would overflow; the longest wait is reached long before.
        let doublings = min(failures - 1, 30)
        let (doubled, overflow) = limits.firstBackOff.multipliedReportingOverflow(by: 1 << Int64(doublings))
        let longest = overflow ? limits.longestBackOff : min(doubled, limits.longestBackOff)
        return longest - Int64(random % UInt64(max(1, longest / 4)))
    }

    /// When ``check(_:isBusy:counter:memory:)`` is due next: at the end of a wait, otherwise after a second, or after a
    /// quarter of ``Limits/hangAfter`` if that is shorter.
    public func nextCheck(_ now: Int64) -> Int64? {
        switch state {
        case .stopped, .ending: nil
        case .waiting(let until): until
        case .starting, .running:
            now + (limits.hangAfter > 0 ? min(max(limits.hangAfter / 4, 1_000_000), 1_000_000_000) : 1_000_000_000)
        }
    }
}
