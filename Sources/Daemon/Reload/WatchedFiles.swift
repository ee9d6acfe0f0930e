import Foundation
import Glibc

/// The files that a ``PluginWatcher`` watches, and which of them have changed.
///
/// The folders of the files are watched, because compilers and installers replace a file by another one of the same
/// name.
struct WatchedFiles {
    /// A file that is watched.
    struct Entry: Sendable, Equatable {
        /// The name of the plugin, for the log.
        let name: String
        /// The place of the plugin in the plan.
        let place: Int
        let path: String

        fileprivate var folder: String {
            let folder = (path as NSString).deletingLastPathComponent
            return folder.isEmpty ? "." : folder
        }

        fileprivate var file: String { (path as NSString).lastPathComponent }
    }

    /// A change that may not be complete.
    private struct Change {
        /// When to look at the file, in ms of ``Support/Clock/monotonicMilliseconds``.
        var due: Int64
        /// Bytes of the file when it was last looked at.
        var size: Int64 = -1
    }

    /// Milliseconds without an event until a changed file counts as complete.
    static let quietTime: Int64 = 200

    private static let events = UInt32(
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

    private let inotify: Int32
    private var entries: [Entry] = []
    /// The folders that the kernel watches, by its number.
    private var folders: [Int32: String] = [:]
    /// By the place of the entry.
    private var changes: [Int: Change] = [:]

    /// - Parameter inotify: a descriptor of the kernel's notifications, which the caller owns.
    init(inotify: Int32) {
        self.inotify = inotify
    }

    /// Watches these files and no others.
    ///
    /// - Returns: which plugins cannot be watched, and why, one line each.
    mutating func adopt(_ wanted: [Entry]) -> [String] {
        var problems: [String] = []
        entries = wanted
        changes = changes.filter { change in wanted.contains { $0.place == change.key } }
        for (number, folder) in folders where !wanted.contains(where: { $0.folder == folder }) {
            folders[number] = nil
            inotify_rm_watch(inotify, number)
        }
        for entry in wanted where !folders.values.contains(entry.folder) {
            let number = inotify_add_watch(inotify, entry.folder, Self.events)
            if number >= 0 {
                folders[number] = entry.folder
            } else {
                let reason = String(cString: strerror(errno))
                problems.append(
                    "plugin '\(entry.name)' is not watched for changes: \(entry.folder): \(reason); reload the configuration to try again"
                )
            }
        }
        return problems
    }

    /// When ``removeComplete(now:)`` has something to do; `nil`: after the next event.
    var nextDue: Int64? { changes.values.map(\.due).min() }

    /// Records what the kernel has written to the descriptor.
    ///
    /// - Returns: which plugins are not watched any more, and why.
    mutating func handle(events bytes: ArraySlice<UInt8>, now: Int64) -> [String] {
        var problems: [String] = []
        var rest = bytes
        let head = MemoryLayout<inotify_event>.size
        while rest.count >= head {
            // The number of the watch, the mask, a cookie and the length of the name.
            let fields = rest.withUnsafeBytes { bytes in
                (0..<4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
            }
            rest = rest.dropFirst(head)
            let name = rest.prefix(Int(fields[3])).prefix { $0 != 0 }
            rest = rest.dropFirst(Int(fields[3]))
            if let problem = handle(Int32(bitPattern: fields[0]), fields[1], String(decoding: name, as: UTF8.self), now)
            {
                problems.append(problem)
            }
        }
        return problems
    }

    private mutating func handle(_ number: Int32, _ mask: UInt32, _ name: String, _ now: Int64) -> String? {
        // The kernel has dropped events: each file may have changed.
        if mask & UInt32(IN_Q_OVERFLOW) != 0 {
            for entry in entries { mark(entry, now) }
            return nil
        }
        guard let folder = folders[number] else { return nil }
        if mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT) != 0 {
            folders[number] = nil
            inotify_rm_watch(inotify, number)
            let names = entries.filter { $0.folder == folder }.map { "'\($0.name)'" }.joined(separator: ", ")
            return
                "the folder \(folder) was removed or replaced, so the file of \(names) is not watched any more; reload the configuration to watch it again"
        }
        for entry in entries where entry.folder == folder && entry.file == name {
            // A new file is complete when its writer closes it, which is another event. A link is complete at once.
            if mask & UInt32(IN_CREATE) != 0, !Self.isLink(entry.path) { continue }
            mark(entry, now)
        }
        return nil
    }

    private mutating func mark(_ entry: Entry, _ now: Int64) {
        changes[entry.place] = Change(due: now + Self.quietTime)
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && (status.st_mode & S_IFMT == S_IFLNK || status.st_nlink > 1)
    }

    /// Removes the changes that are complete, and returns their files.
    mutating func removeComplete(now: Int64) -> [Entry] {
        var complete: [Entry] = []
        for (place, change) in changes where change.due <= now {
            changes[place] = nil
            var status = stat()
            // A file that was removed causes another event when it comes back.
            guard let entry = entries.first(where: { $0.place == place }), stat(entry.path, &status) == 0 else {
                continue
            }
            let size = Int64(status.st_size)
            if change.size == size {
                complete.append(entry)
            } else {
                changes[place] = Change(due: now + Self.quietTime, size: size)
            }
        }
        return complete
    }
}
