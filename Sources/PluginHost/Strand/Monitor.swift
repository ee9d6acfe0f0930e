import Glibc
import Support
import Synchronization

/// A mutex with a condition variable, for threads that wait for work. Code that does not wait uses
/// `Synchronization.Mutex`.
///
/// `@unchecked Sendable`: it holds two addresses, written by `init` only; they point to pthread objects, which are
/// thread-safe.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        // Deadlines use the monotonic clock.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    @inline(__always) func lock() { pthread_mutex_lock(mutex) }
    @inline(__always) func unlock() { pthread_mutex_unlock(mutex) }

    /// Releases the lock, sleeps until signalled (or spuriously woken), and acquires the lock again.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// Like ``wait()``, but returns at `deadline` (``Clock/monotonicNanoseconds``) at the latest.
    func wait(until deadline: Int64) {
        var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        pthread_cond_timedwait(condition, mutex, &time)
    }

    @inline(__always) func signal() { pthread_cond_signal(condition) }
    func broadcast() { pthread_cond_broadcast(condition) }

    @inline(__always)
    func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
        lock()
        defer { unlock() }
        return try body()
    }
}

/// A result that one thread waits for while another computes it.
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

    /// Settles the future without a result.
    func cancel() {
        monitor.withLock {
            isOver = true
            monitor.broadcast()
        }
    }

    /// Whether there is a result, or never will be.
    var isSettled: Bool { monitor.withLock { isOver } }

    /// The result; `nil` if there is none by `deadline` (``Clock/monotonicNanoseconds``).
    func wait(until deadline: Int64) -> Value? {
        monitor.withLock {
            while !isOver, Clock.monotonicNanoseconds < deadline { monitor.wait(until: deadline) }
            return value
        }
    }
}

/// Passes the first of several results to a receiver, and ignores the others. Any thread.
final class FirstResult<Value: Sendable>: Sendable {
    private let receiver: Mutex<(@Sendable (Value) -> Void)?>

    init(_ receiver: @escaping @Sendable (Value) -> Void) {
        self.receiver = Mutex(receiver)
    }

    /// Whether there was a result.
    var isKnown: Bool { receiver.withLock { $0 == nil } }

    func complete(_ value: Value) {
        let receiver = receiver.withLock { receiver in
            defer { receiver = nil }
            return receiver
        }
        receiver?(value)
    }
}
