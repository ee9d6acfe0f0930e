import Foundation
import Glibc
import Logging
import Support
import Synchronization

/// Watches the files of plugins, and notifies when one has changed and its writer is done: ``WatchedFiles/quietTime``
/// after the last event of the file, once its size stays the same.
///
/// One thread, which runs only if there is something to watch, waits for events in the kernel.
final class PluginWatcher: Sendable {
    private let logger: Logger
    private let changed = Mutex<(@Sendable (WatchedFiles.Entry) async -> Void)?>(nil)
    /// `nil` before the first file is watched, and after ``close()``.
    private let files = Mutex<WatchedFiles?>(nil)
    private let isClosed = Atomic<Bool>(false)

    init(logger: Logger) {
        self.logger = logger
    }

    /// Calls `body` for each changed file from now on, for one at a time. What changes meanwhile is reported when the
    /// call has returned.
    func onChange(_ body: @escaping @Sendable (WatchedFiles.Entry) async -> Void) {
        changed.withLock { $0 = body }
    }

    /// Watches these files from now on, and no others. Blocks on the file system.
    func watch(_ entries: [WatchedFiles.Entry]) {
        guard !isClosed.load(ordering: .relaxed) else { return }
        var warnings: [String] = []
        var started: Int32?
        files.withLock { files in
            if files == nil, !entries.isEmpty {
                let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
                guard descriptor >= 0 else {
                    warnings.append("no plugin is watched for changes: \(String(cString: strerror(errno)))")
                    return
                }
                files = WatchedFiles(inotify: descriptor)
                started = descriptor
            }
            warnings += files?.adopt(entries) ?? []
        }
        for warning in warnings { logger.warning("\(warning)") }
        guard let started else { return }
        let thread = Thread { self.run(started) }
        thread.name = "jf-watch"
        thread.start()
    }

    /// Notifies of no further change.
    func close() {
        isClosed.store(true, ordering: .relaxed)
        // The end of each watch is an event, which wakes the thread.
        files.withLock { _ = $0?.adopt([]) }
    }

    // MARK: - On the thread

    private func run(_ inotify: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !isClosed.load(ordering: .relaxed) {
            let now = Clock.monotonicMilliseconds
            let due = files.withLock { $0?.nextDue }
            var wanted = pollfd(fd: inotify, events: Int16(POLLIN), revents: 0)
            poll(&wanted, 1, due.map { Int32(clamping: max(0, $0 - now)) } ?? -1)
            var warnings: [String] = []
            while true {
                let count = read(inotify, &buffer, buffer.count)
                guard count > 0 else { break }
                warnings +=
                    files.withLock { $0?.handle(events: buffer[..<count], now: Clock.monotonicMilliseconds) } ?? []
            }
            for warning in warnings { logger.warning("\(warning)") }
            for entry in files.withLock({ $0?.removeComplete(now: Clock.monotonicMilliseconds) }) ?? [] {
                notify(entry)
            }
        }
        files.withLock { $0 = nil }
        Glibc.close(inotify)
    }

    private func notify(_ entry: WatchedFiles.Entry) {
        guard !isClosed.load(ordering: .relaxed), let changed = changed.withLock({ $0 }) else { return }
        let done = DispatchSemaphore(value: 0)
        Task {
            await changed(entry)
            done.signal()
        }
        done.wait()
    }
}
