import Synchronization

/// Counts the callbacks on the strand and the lanes of one plugin that took longer than `limits.slowCallback`, and
/// decides which of them are logged. Any thread.
final class SlowCallbacks: Sendable {
    private struct Calls {
        var count: UInt64 = 0
        /// The next line is logged at this number of slow calls.
        var nextWarning: UInt64 = 1
    }

    /// By callback. A plugin has as many as it declares, and the host some more.
    private let calls = Mutex<[ObjectIdentifier: Calls]>([:])
    private let total = Atomic<UInt64>(0)

    /// Slow callbacks, ever.
    var count: UInt64 { total.load(ordering: .relaxed) }

    /// Counts a slow call.
    ///
    /// - Returns: the number of slow calls of this callback so far, if a line must be logged: for the first one, and
    ///   then whenever the number has doubled.
    func add(_ callback: Callback) -> UInt64? {
        total.wrappingAdd(1, ordering: .relaxed)
        return calls.withLock { calls in
            var found = calls[ObjectIdentifier(callback)] ?? Calls()
            found.count += 1
            let isDue = found.count >= found.nextWarning
            if isDue { found.nextWarning = found.count * 2 }
            calls[ObjectIdentifier(callback)] = found
            return isDue ? found.count : nil
        }
    }
}

extension LoadedPlugin {
    /// Counts a callback that took longer than ``HostOptions/slowCallback``, and logs it. On the strand that ran it.
    ///
    /// Callbacks of the life cycle are not meant: they have deadlines of their own, and ``CallbackWatchdog`` logs them.
    func wasSlow(_ callback: Callback, _ nanoseconds: Int64, on thread: String) {
        guard !callback.isStep, let count = slowCallbacks.add(callback) else { return }
        log.warning(
            "\(callback.title) took \(nanoseconds / 1_000_000) ms on thread \(thread), more than limits.slowCallback, \(host.currentOptions.slowCallback) ms (\(count) such calls seen): the plugin's other callbacks of this thread waited"
        )
    }
}
