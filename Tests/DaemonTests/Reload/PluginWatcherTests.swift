import Foundation
import Glibc
import Logging
import Support
import Synchronization
import Testing

@testable import Daemon

@Suite("Watched files")
struct PluginWatcherTests {
    /// A watcher of the file `x.so` in a new folder, and what it reports.
    private final class Watch: Sendable {
        let folder: String
        let path: String
        let watcher: PluginWatcher
        private let reports = Mutex<[WatchedFiles.Entry]>([])
        private let lines: Lines

        init(_ name: String) throws {
            folder = "\(NSTemporaryDirectory())jackfield-watch-tests-\(getpid())-\(name)"
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            path = "\(folder)/x.so"
            try Data("first".utf8).write(to: URL(fileURLWithPath: path))
            let lines = Lines()
            self.lines = lines
            watcher = PluginWatcher(logger: Logger(label: "test") { _ in lines })
            watcher.onChange { [weak self] entry in self?.reports.withLock { $0.append(entry) } }
            watcher.watch([WatchedFiles.Entry(name: "x", place: 3, path: path)])
        }

        deinit {
            watcher.close()
            try? FileManager.default.removeItem(atPath: folder)
        }

        var count: Int { reports.withLock { $0.count } }
        var last: WatchedFiles.Entry? { reports.withLock { $0.last } }

        func write(_ text: String, to name: String = "x.so") throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"), options: [])
        }

        /// Waits until there are so many reports, then whether another one comes.
        func expect(_ expected: Int, _ comment: Comment) async {
            let end = Clock.monotonicMilliseconds + 10_000
            while count < expected, Clock.monotonicMilliseconds < end { try? await Task.sleep(for: .milliseconds(10)) }
            try? await Task.sleep(for: .milliseconds(2 * WatchedFiles.quietTime + 100))
            #expect(count == expected, comment)
        }

        func line(with text: String) async -> Bool {
            let end = Clock.monotonicMilliseconds + 10_000
            while Clock.monotonicMilliseconds < end {
                if lines.contain(text) { return true }
                try? await Task.sleep(for: .milliseconds(10))
            }
            return false
        }
    }

    private final class Lines: LogHandler, Sendable {
        private let written = Mutex<[String]>([])

        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) { written.withLock { $0.append("\(event.message)") } }
        func contain(_ text: String) -> Bool { written.withLock { lines in lines.contains { $0.contains(text) } } }
    }

    @Test("a file that is written, replaced, or removed and made again is reported once each time")
    func changes() async throws {
        let watch = try Watch("changes")
        try watch.write("second")
        await watch.expect(1, "overwritten")
        #expect(watch.last == WatchedFiles.Entry(name: "x", place: 3, path: watch.path))
        try watch.write("third", to: "x.tmp")
        #expect(rename("\(watch.folder)/x.tmp", watch.path) == 0)
        await watch.expect(2, "replaced by rename")
        #expect(unlink(watch.path) == 0)
        await watch.expect(2, "removed")
        try watch.write("fourth")
        await watch.expect(3, "made again")
        try watch.write("fifth", to: "y.so")
        #expect(unlink(watch.path) == 0 && symlink("y.so", watch.path) == 0)
        await watch.expect(4, "replaced by a link")
        try watch.write("sixth", to: "other.so")
        await watch.expect(4, "another file of the folder")
    }

    @Test("a file is reported when its writer has closed it, and not before")
    func slowWriter() async throws {
        let watch = try Watch("slow")
        let file = open(watch.path, O_WRONLY | O_TRUNC)
        #expect(write(file, "one", 3) == 3)
        await watch.expect(0, "the writer is not done")
        #expect(write(file, "two", 3) == 3)
        close(file)
        await watch.expect(1, "the writer is done")
    }

    @Test("a folder that is replaced is not watched any more, and the log says so until it is watched again")
    func folderReplaced() async throws {
        let watch = try Watch("folder")
        let old = "\(watch.folder)-old"
        try? FileManager.default.removeItem(atPath: old)
        #expect(rename(watch.folder, old) == 0)
        defer { try? FileManager.default.removeItem(atPath: old) }
        #expect(await watch.line(with: "was removed or replaced, so the file of 'x' is not watched any more"))
        try FileManager.default.createDirectory(atPath: watch.folder, withIntermediateDirectories: true)
        watch.watcher.watch([WatchedFiles.Entry(name: "x", place: 3, path: watch.path)])
        try watch.write("new")
        await watch.expect(1, "watched again")
        watch.watcher.watch([])
        try watch.write("newer")
        await watch.expect(1, "not watched")
    }

    @Test("a folder that does not exist is logged")
    func noFolder() async throws {
        let watch = try Watch("missing")
        watch.watcher.watch([WatchedFiles.Entry(name: "x", place: 3, path: "/nowhere/x.so")])
        #expect(await watch.line(with: "plugin 'x' is not watched for changes: /nowhere: No such file or directory"))
    }
}
