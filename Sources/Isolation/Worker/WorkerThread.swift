import CIsolation
import Glibc
import Support
import Synchronization

/// The thread that starts all worker processes, reads their output and learns of their end. It never ends, because the
/// kernel ends a worker when the *thread* that started it ends. Its work must be short: there is one for all workers.
///
/// `@unchecked Sendable`: `watches` is touched on the thread only; the rest is thread-safe.
final class WorkerThread: @unchecked Sendable {
    static let shared = WorkerThread()

    /// A descriptor that the thread polls for input.
    private struct Watch {
        let isReady: () -> Void
        /// It is not polled before, in ``Clock/monotonicNanoseconds``.
        var pausedUntil: Int64 = 0
    }

    private let inbox = Mutex<[@Sendable () -> Void]>([])
    /// The ends of a pipe, which wakes the thread.
    private let alarmReader: Int32
    private let alarmWriter: Int32
    private let identity = Atomic<UInt>(0)
    private var watches: [Int32: Watch] = [:]

    private init() {
        var reader: Int32 = -1
        var writer: Int32 = -1
        let code = jf_pipe_open(&reader, &writer)
        precondition(code == 0, "cannot open a pipe: \(String(cString: strerror(code)))")
        alarmReader = reader
        alarmWriter = writer
        // The argument is retained and never released: the thread never ends.
        let argument = Unmanaged.passRetained(self).toOpaque()
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<WorkerThread>.fromOpaque(argument).takeUnretainedValue().run()
            }, argument)
        precondition(failure == 0, "cannot start a thread: \(String(cString: strerror(failure)))")
    }

    // MARK: Any thread

    /// Calls a closure on the thread.
    func enqueue(_ body: @escaping @Sendable () -> Void) {
        let isFirst = inbox.withLock { inbox in
            inbox.append(body)
            return inbox.count == 1
        }
        guard isFirst else { return }
        var byte: UInt8 = 0
        _ = write(alarmWriter, &byte, 1)
    }

    /// Calls a closure on the thread, and waits for its result.
    func perform<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        if isCurrent { return body() }
        let result = PendingResult<Value>()
        enqueue { result.fulfil(body()) }
        return result.wait()
    }

    var isCurrent: Bool { identity.load(ordering: .relaxed) == UInt(pthread_self()) }

    // MARK: On the thread

    /// Calls a closure whenever the descriptor has input or has ended.
    func watch(_ descriptor: Int32, _ isReady: @escaping () -> Void) {
        watches[descriptor] = Watch(isReady: isReady)
    }

    /// Does not poll the descriptor until `time`, in ``Clock/monotonicNanoseconds``.
    func pause(_ descriptor: Int32, until time: Int64) { watches[descriptor]?.pausedUntil = time }

    func unwatch(_ descriptor: Int32) { watches[descriptor] = nil }

    private func run() -> Never {
        identity.store(UInt(pthread_self()), ordering: .relaxed)
        setName("jf-workers")
        while true {
            let bodies = inbox.withLock { inbox in
                defer { inbox = [] }
                return inbox
            }
            for body in bodies { body() }
            poll()
        }
    }

    private func poll() {
        var descriptors = [pollfd(fd: alarmReader, events: Int16(POLLIN), revents: 0)]
        let now = Clock.monotonicNanoseconds
        // When the next pause of a watch ends.
        var next = Int64.max
        for (descriptor, watch) in watches {
            if watch.pausedUntil > now {
                next = min(next, watch.pausedUntil)
            } else {
                descriptors.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
            }
        }
        // Rounded up, so that the pause is over afterwards.
        let wait = next == .max ? -1 : Int32(clamping: max(0, next - now + 999_999) / 1_000_000)
        guard Glibc.poll(&descriptors, nfds_t(descriptors.count), wait) > 0 else { return }
        if descriptors[0].revents != 0 { emptyAlarm() }
        // A closure may have removed the watch of a later descriptor.
        for ready in descriptors.dropFirst() where ready.revents != 0 { watches[ready.fd]?.isReady() }
    }

    private func emptyAlarm() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(alarmReader, &bytes, bytes.count) == bytes.count {}
    }

    /// The name that `top -H` and debuggers show.
    private func setName(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, name, name.utf8.count)
        close(file)
    }
}

/// A result that one thread waits for while another computes it.
///
/// `@unchecked Sendable`: `word` is accessed atomically, and `value` is written before it and read after it.
private final class PendingResult<Value: Sendable>: @unchecked Sendable {
    private let word = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    private var value: Value?

    init() { word.initialize(to: 0) }

    deinit { word.deallocate() }

    func fulfil(_ value: Value) {
        self.value = value
        jf_store32(word, 1)
        jf_futex_wake(word, 1)
    }

    func wait() -> Value {
        while jf_load32(word) == 0 { jf_futex_wait(word, 0, .max) }
        guard let value else { preconditionFailure("the value is written before the word") }
        return value
    }
}
