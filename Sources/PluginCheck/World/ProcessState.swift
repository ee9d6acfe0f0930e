import CCheckRecord
import Glibc
import PluginHost
import Support
import Synchronization

/// What a plugin can leave behind in its process.
enum ProcessState {
    /// The kernel's ids of the threads.
    static var threads: Set<Int32> { Set(names(in: "/proc/self/task").compactMap { Int32($0) }) }

    /// The name of a thread.
    static func name(ofThread id: Int32) -> String {
        firstLine(of: "/proc/self/task/\(id)/comm")
    }

    /// The open descriptors, each with what it is open on.
    static var descriptors: [Int32: String] {
        var found: [Int32: String] = [:]
        for number in names(in: "/proc/self/fd").compactMap({ Int32($0) }) {
            var target = [UInt8](repeating: 0, count: 512)
            let count = target.withUnsafeMutableBytes {
                readlink("/proc/self/fd/\(number)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
            // The descriptor that reads the folder is closed by now.
            if count > 0 { found[number] = String(decoding: target.prefix(count), as: UTF8.self) }
        }
        return found
    }

    /// Bytes of memory that the process has for itself and that belong to no file.
    static var anonymousBytes: Int? {
        for line in lines(of: "/proc/self/smaps_rollup") where line.hasPrefix("Anonymous:") {
            return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1_024 }
        }
        return nil
    }

    /// Bytes allocated with malloc and not freed.
    static var heapBytes: Int { Int(clamping: jf_check_heap_bytes()) }

    /// What all threads share, as lines that can be compared: a name, and its value.
    static var shared: [(name: String, value: String)] {
        var folder = [CChar](repeating: 0, count: 4_096)
        let mask = lines(of: "/proc/self/status").first { $0.hasPrefix("Umask:") } ?? ""
        var variables: [String] = []
        var next = environ
        while let entry = next.pointee {
            variables.append(String(cString: entry))
            next += 1
        }
        return [
            ("the working directory", getcwd(&folder, folder.count).map { String(cString: $0) } ?? "?"),
            ("the mask of file modes", mask),
            ("the locale", setlocale(LC_ALL, nil).map { String(cString: $0) } ?? "?"),
            ("the environment", variables.sorted().joined(separator: " ")),
        ]
    }

    /// The numbers of the signals that a thread blocks.
    static func blockedSignals(ofThread id: Int32) -> [Int32] {
        let line = lines(of: "/proc/self/task/\(id)/status").first { $0.hasPrefix("SigBlk:") } ?? ""
        let mask = line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
        return (1..<Int32(32)).filter { mask & 1 << UInt64($0 - 1) != 0 }
    }

    private static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    private static func firstLine(of file: String) -> String { lines(of: file).first ?? "" }

    /// Files of `/proc` have the size 0, so they are read to their end.
    private static func lines(of file: String) -> [String] {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var (text, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 1 << 14))
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 { text += buffer[..<count] }
        return text.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// Notes the signals whose action a plugin changes, and restores the host's own, as the daemon does.
///
/// `@unchecked Sendable`: `known` is used under the lock.
final class CheckSignals: SignalInspector, @unchecked Sendable {
    private let lock = Mutex(())
    private let known: UnsafeMutablePointer<jf_check_signals>
    private let changes = Mutex<[SignalChange]>([])

    private static let own: [(number: Int32, name: String)] = [
        (SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGHUP, "SIGHUP"), (SIGPIPE, "SIGPIPE"),
    ]

    init() {
        known = .allocate(capacity: 1)
        jf_check_signals_save(known)
    }

    deinit { known.deallocate() }

    /// Signals whose action was changed, and is not the host's to restore.
    var foreign: [SignalChange] { changes.withLock { $0.filter { !$0.isRestored } } }

    func inspect() -> [SignalChange] {
        let found = lock.withLock { _ in
            (1..<Int32(32)).compactMap { number -> SignalChange? in
                let name = Self.own.first { $0.number == number }?.name
                guard jf_check_signal_changed(known, number, name == nil ? 0 : 1) != 0 else { return nil }
                return SignalChange(signal: name ?? "signal \(number)", isRestored: name != nil)
            }
        }
        changes.withLock { $0 += found }
        return found
    }
}
