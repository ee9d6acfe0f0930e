import Foundation

/// Keeps other processes off a database, with a POSIX lock on a file beside it.
///
/// The lock is the process's: two generations of a plugin, which may be there at a time while it is reloaded, hold it together. Closing any of the file's
/// descriptors releases it for the whole process, so who still needs it claims it again and again.
final class StoreLock: Sendable {
    /// Another process that has the lock.
    struct Holder: CustomStringConvertible {
        let pid: pid_t

        /// A process of another container has no number here.
        var description: String { pid > 0 ? "process \(pid)" : "another process" }
    }

    private let descriptor: CInt

    /// nil: `errno` says why the file cannot be opened.
    init?(_ path: String) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    /// Takes the lock, or makes sure of it. Does not wait.
    ///
    /// - Returns: who has it; nil if it is this process.
    func claim() -> Holder? {
        var lock = Self.wholeFile
        if fcntl(descriptor, F_SETLK, &lock) == 0 { return nil }
        guard errno == EAGAIN || errno == EACCES else { return nil } // A file system that knows no locks.
        lock = Self.wholeFile
        guard fcntl(descriptor, F_GETLK, &lock) == 0, lock.l_type != Int16(F_UNLCK) else { return Holder(pid: 0) }
        return Holder(pid: lock.l_pid)
    }

    private static var wholeFile: flock {
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        return lock
    }
}
