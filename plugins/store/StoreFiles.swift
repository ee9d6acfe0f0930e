import Foundation

/// The identity of the files of an open database. SQLite keeps writing to deleted or replaced files without an error;
/// ``check()`` finds that.
final class StoreFiles: Sendable {
    /// In bytes. With less free space the disk counts as full. The largest write needs this much.
    private static let leastFree: UInt64 = 65_536

    private struct File: Sendable {
        let path: String
        let device: dev_t
        let inode: ino_t

        /// nil if there is no such file.
        init?(_ path: String) {
            var found = stat()
            guard stat(path, &found) == 0 else { return nil }
            self.path = path
            device = found.st_dev
            inode = found.st_ino
        }

        var isInPlace: Bool {
            guard let now = File(path) else { return false }
            return now.device == device && now.inode == inode
        }
    }

    private let database: File
    private let log: File
    private let lock: StoreLock

    /// nil if there is no such database, or no write-ahead log beside it.
    init?(_ path: String, realPath: String, lock: StoreLock) {
        guard let database = File(path), let log = File(realPath + "-wal") else { return nil }
        self.database = database
        self.log = log
        self.lock = lock
    }

    /// Throws if writes would be lost at a restart because the files were replaced, or if another process has the lock.
    /// Costs three system calls.
    func check() throws(StoreFailure) {
        guard database.isInPlace, log.isInPlace else { throw .moved }
        if let holder = lock.claim() { throw .taken(by: holder) }
    }

    /// Throws if the file system is read-only or full.
    func checkRoom() throws(StoreFailure) {
        var system = statvfs()
        guard statvfs(log.path, &system) == 0 else { return }
        if system.f_flag & UInt(ST_RDONLY) != 0 { throw .readOnly }
        let free = UInt64(geteuid() == 0 ? system.f_bfree : system.f_bavail) * UInt64(system.f_frsize)
        // A file system that reports no blocks does not report free space either.
        if system.f_blocks > 0, free < Self.leastFree { throw .full }
    }
}
