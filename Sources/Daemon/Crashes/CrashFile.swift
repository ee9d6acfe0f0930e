import CCrashReport
import Foundation
import Glibc
import Support

/// The file that remembers which plugins have ended the daemon. The handler of fatal signals appends a record to it; it
/// is open all the time, because a handler cannot look for a folder.
final class CrashFile {
    /// For the handler.
    let descriptor: Int32
    /// The last crash of each plugin, and of the host itself, in the order of their times.
    private(set) var records: [CrashRecord]

    /// Why the file cannot be used.
    struct Unavailable: Error {
        let problem: String
    }

    /// Bytes of the file that are read: the last ones.
    private static let longestRead = 1 << 18
    /// Records that are kept: the last ones.
    static let limit = 64

    /// Opens the file, makes it and its folder if they are missing, and reads what earlier processes left.
    ///
    /// An outdated record is forgotten.
    init(at path: String) throws(Unavailable) {
        let folder = (path as NSString).deletingLastPathComponent
        if !folder.isEmpty {
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            } catch {
                throw Unavailable(problem: "its folder \(folder) cannot be made")
            }
        }
        let descriptor = open(
            path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Unavailable(problem: String(cString: strerror(errno))) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Unavailable(problem: "it is no regular file")
        }
        guard status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            close(descriptor)
            throw Unavailable(problem: "others may write to it; remove it, or give it to this user with mode 0600")
        }
        self.descriptor = descriptor
        records = Self.read(descriptor, size: Int(status.st_size)).filter { !$0.isOutdated }
    }

    deinit {
        close(descriptor)
    }

    /// Returns the crashes that no start has reported yet, and notes them as reported.
    func unreported() -> [CrashRecord] {
        let new = records.filter { !$0.isReported }
        for index in records.indices { records[index].isReported = true }
        // The file holds only whole lines then, of records that are still of interest.
        var bytes: [UInt8] = []
        for record in records { bytes += record.line }
        guard ftruncate(descriptor, 0) == 0 else { return new }
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        return new
    }

    private static func read(_ descriptor: Int32, size: Int) -> [CrashRecord] {
        let start = max(0, size - longestRead)
        var bytes = [UInt8](repeating: 0, count: size - start)
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(start)) }
        guard count > 0 else { return [] }
        var records: [CrashRecord] = []
        for line in bytes.prefix(count).split(separator: UInt8(ascii: "\n")) {
            guard let record = line.withUnsafeBytes({ CrashRecord(line: $0) }) else { continue }
            // The last crash of each plugin.
            records.removeAll { $0.plugin == record.plugin && $0.file == record.file }
            records.append(record)
            if records.count > limit { records.removeFirst() }
        }
        return records
    }
}
