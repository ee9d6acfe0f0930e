import Foundation
import JackfieldPlugin

/// The path of a plugin's database, configured as `sqlite:PATH`; relative to the daemon's working directory, also in a
/// worker process, which has another one.
public struct StoreLocation: Sendable, Equatable {
    public let path: String

    /// Throws a ``Problem`` with a message for the operator if the text has another form.
    public init(_ text: String) throws {
        guard text.utf8.starts(with: "sqlite:".utf8), text.utf8.count > "sqlite:".utf8.count else {
            throw Problem.invalid(
                "config.store '\(text)' is not a store this plugin knows; use \"sqlite:PATH\", for example \"sqlite:data/rows.db\""
            )
        }
        let given = String(text.dropFirst("sqlite:".count))
        if given.utf8.first != UInt8(ascii: "/"), let folder = getenv("JACKFIELD_FOLDER") {
            path = "\(String(cString: folder))/\(given)"
        } else {
            path = given
        }
    }

    /// A locked database file, with symbolic links resolved.
    struct Prepared {
        let path: String
        let lock: StoreLock
    }

    /// Creates the folder and the file if they do not exist, readable by their owner only, and locks the store. Throws
    /// a ``Problem`` whose message for the operator names the path.
    func prepare() throws -> Prepared {
        let folder = (path as NSString).deletingLastPathComponent
        if !folder.isEmpty {
            do {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw failure(
                    "cannot make the folder '\(folder)': \(Self.reason(error)); make it, or choose another path")
            }
        }
        try makeFile()
        guard let real = realpath(path, nil) else { throw failure("cannot open '\(path)': \(Self.systemError)") }
        defer { free(real) }
        let resolved = String(cString: real)
        guard let lock = StoreLock(resolved + "-lock") else {
            throw failure("cannot open '\(path)-lock': \(Self.systemError)")
        }
        if let holder = lock.claim() {
            throw failure("'\(path)' is in use by \(holder); stop it, or choose another path")
        }
        return Prepared(path: resolved, lock: lock)
    }

    /// Creates the database with mode 0600; SQLite would make it readable for all users. SQLite's other files get the
    /// same mode. An existing file keeps its mode and is not opened, because closing it would release SQLite's locks on
    /// it in this process.
    private func makeFile() throws {
        var found = stat()
        if stat(path, &found) == 0 { return }
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot open '\(path)': \(Self.systemError)") }
        close(descriptor)
    }

    func failure(_ words: String) -> Problem { Problem(500, "store", "config.store: \(words)") }

    private static var systemError: String { String(cString: strerror(errno)) }

    private static func reason(_ error: any Error) -> String {
        let cocoa = error as NSError
        if let posix = cocoa.userInfo[NSUnderlyingErrorKey] as? NSError, posix.domain == NSPOSIXErrorDomain {
            return String(cString: strerror(Int32(posix.code)))
        }
        return cocoa.localizedDescription
    }
}

/// A POSIX lock on a file beside the database, so that no other process uses the database.
///
/// The lock belongs to the process, so two generations of a plugin, which coexist during a reload, share it. Closing
/// any descriptor of the file releases it for the whole process, so ``claim()`` must be called again regularly.
final class StoreLock: Sendable {
    /// Another process that has the lock.
    struct Holder: CustomStringConvertible {
        let pid: pid_t

        /// A process of another container has no process id here.
        var description: String { pid > 0 ? "process \(pid)" : "another process" }
    }

    private let descriptor: CInt

    /// nil: `errno` says why the file cannot be opened.
    init?(_ path: String) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    /// Acquires the lock, also if this process has it already. Does not wait.
    ///
    /// - Returns: the other process that has the lock; nil if this process has it.
    func claim() -> Holder? {
        var lock = Self.wholeFile
        if fcntl(descriptor, F_SETLK, &lock) == 0 { return nil }
        guard errno == EAGAIN || errno == EACCES else { return nil }  // The file system does not support locks.
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
