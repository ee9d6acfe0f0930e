import CJackfield
import Support
import Synchronization

/// The timers that one plugin has set and that have not fired. Whoever removes an entry calls its task or frees its
/// context. Any thread.
final class PluginTimers: Sendable {
    private struct State {
        var pending: [UInt64: TaskCall] = [:]
        var last: UInt64 = 0
        var isClosed = false
    }

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { state.withLock { $0.pending.count } }

    enum Addition {
        case handle(UInt64)
        case full
        /// The plugin is stopping; the handle names no timer.
        case closed(UInt64)
    }

    /// Adds a timer. Handles count up, so a stale handle never names another timer.
    func add(_ call: TaskCall) -> Addition {
        state.withLock { state in
            guard state.pending.count < limit else { return .full }
            state.last += 1
            guard !state.isClosed else { return .closed(state.last) }
            state.pending[state.last] = call
            return .handle(state.last)
        }
    }

    /// Removes a timer and lets `enqueue` queue its task, or the freeing of its context. Runs `enqueue` under the lock,
    /// so that neither is lost between here and a strand that ends after ``close()``.
    ///
    /// - Returns: `false` if the timer has fired or was cancelled.
    func remove(_ timer: UInt64, _ enqueue: (TaskCall) -> Void) -> Bool {
        state.withLock { state in
            guard let call = state.pending.removeValue(forKey: timer) else { return false }
            enqueue(call)
            return true
        }
    }

    func contains(_ timer: UInt64) -> Bool { state.withLock { $0.pending[timer] != nil } }

    /// Removes and returns all timers, oldest first; none fires from now on.
    func close() -> [TaskCall] {
        state.withLock { state in
            state.isClosed = true
            defer { state.pending = [:] }
            return state.pending.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}

extension LoadedPlugin {
    /// Starts the declared timers: each fires while the plugin runs, at multiples of its interval from now. Missed
    /// multiples are skipped.
    ///
    /// - Parameter before: the version that this one replaces. A timer at the same place of the list, with the same
    ///   interval, goes on at the times of that version.
    func armTimers(after before: LoadedPlugin? = nil) {
        // The worker of an isolated plugin has them.
        guard isolated == nil else { return }
        let now = Clock.monotonicNanoseconds
        let timers = descriptor.timers
        timerTimes.withLock { $0 = timers.map { _ in now } }
        for (place, timer) in timers.enumerated() {
            var last = now
            if let before, place < before.descriptor.timers.count,
                before.descriptor.timers[place].interval == timer.interval
            {
                last = before.timerTimes.withLock { $0[place] }
            }
            scheduleNext(timer, place, after: last, timer.interval * 1_000_000)
        }
    }

    private func scheduleNext(_ timer: TimerDescriptor, _ place: Int, after last: Int64, _ interval: Int64) {
        let now = Clock.monotonicNanoseconds
        let missed = max(0, (now - last) / interval)
        let deadline = last + (missed + 1) * interval
        timerTimes.withLock { $0[place] = last }
        host.timers.schedule(at: deadline, isWanted: { self.state == .running }) {
            let task = StrandTask(
                .timer,
                run: {
                    timer.handler(self.instance, timer.context)
                    // Scheduled after the handler returns: a handler slower than its interval never queues up behind
                    // itself.
                    self.scheduleNext(timer, place, after: deadline, interval)
                })
            _ = self.strand.enqueue(task, promised: true)
        }
    }

    /// Sets a timer that the plugin requested; `nil` if the limit is reached or the plugin has ended.
    func set(after delay: UInt64, _ call: TaskCall) -> UInt64? {
        switch timers.add(call) {
        case .full: return nil
        case .closed(let handle):
            return releaseLater(call) ? handle : nil
        case .handle(let handle):
            host.timers.schedule(
                at: Clock.monotonicNanoseconds + Int64(delay) * 1_000_000, isWanted: { self.timers.contains(handle) }
            ) {
                _ = self.timers.remove(handle) { call in
                    _ = self.strand.enqueue(StrandTask(.timer, run: { self.run(call) }), promised: true)
                }
            }
            return handle
        }
    }

    /// Starts the periodic `ready` check. A plugin that does not answer in time counts as not ready.
    func watchReadiness() {
        guard descriptor.ready != nil else { return }
        startReadinessCheck()
    }

    /// Time between two checks and limit for an answer; nanoseconds.
    private static let readinessInterval: Int64 = 2_000_000_000

    private func startReadinessCheck() {
        let outcome = BlockingFuture<Bool>()
        _ = strand.enqueue(
            StrandTask(
                .ready,
                run: {
                    self.checkReady()
                    outcome.fulfil(true)
                }), promised: true)
        scheduleReadinessCheck(outcome, isFirst: true)
    }

    private func scheduleReadinessCheck(_ outcome: BlockingFuture<Bool>, isFirst: Bool) {
        host.timers.schedule(
            at: Clock.monotonicNanoseconds + Self.readinessInterval, isWanted: { self.state == .running }
        ) {
            if outcome.wait(until: 0) != nil { return self.startReadinessCheck() }
            if isFirst {
                self.notReady =
                    "does not answer: a callback has been running for more than \(Self.readinessInterval / 1_000_000) ms"
            }
            self.scheduleReadinessCheck(outcome, isFirst: false)
        }
    }
}
