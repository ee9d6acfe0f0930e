import CCrashReport
import Glibc

/// The folder that holds the private copies of this process's plugins, so that debuggers, profilers and crash reports
/// find the file that a plugin is mapped from.
///
/// It is made at the first load, readable by its owner only, and removed when the host stops. A crashed process leaves
/// its folder, so that a debugger can read its core dump: a supervisor may have started the next process long before
/// anyone looks. The next hosts keep the ``keptLeftovers`` newest leftovers. A running process holds a lock on its
/// folder; a folder without a lock is a leftover.
final class ImageFolder: Sendable {
    let path: String
    /// Holds the lock; the kernel closes it when the process ends in any way.
    private let descriptor: Int32

    /// Why no folder could be made: the error of each candidate.
    struct Unavailable: Error {
        let problem: String
    }

    private static let prefix = "jackfield-images-"
    /// The leftovers that stay in each parent folder.
    static let keptLeftovers = 3
    /// Seconds. A younger folder is not removed: its process may not have locked it yet.
    private static let minimumAge = 60

    /// Parent folders, best first. Temporary folders come before `XDG_RUNTIME_DIR`, which is always in memory.
    static var candidates: [String] {
        ["TMPDIR", nil, nil, "XDG_RUNTIME_DIR"].enumerated().compactMap { index, variable in
            guard let variable else { return index == 1 ? "/tmp" : "/var/tmp" }
            return getenv(variable).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
    }

    /// Removes old leftovers of dead processes in `candidates`, and makes a folder in the first candidate that is on a
    /// disk, else in the first one that is in memory.
    init(in candidates: [String]) throws(Unavailable) {
        var problems: [String] = []
        for candidate in candidates { Self.removeLeftovers(in: candidate) }
        for candidate in candidates.filter({ !Self.isInMemory($0) }) + candidates.filter(Self.isInMemory) {
            switch Self.make(in: candidate) {
            case .success(let made):
                (path, descriptor) = made
                // If the process crashes, its folder counts as the newest one.
                jf_crash_set_folder(descriptor)
                return
            case .failure(let error): problems.append("\(candidate): \(error.problem)")
            }
        }
        throw Unavailable(problem: problems.isEmpty ? "there is no candidate" : problems.joined(separator: "; "))
    }

    /// Removes the folder and its files. Mapped images stay mapped.
    func remove() {
        Self.removeTree(path)
        jf_crash_set_folder(-1)
        close(descriptor)
    }

    // MARK: Making

    private static func make(in parent: String) -> Result<(path: String, descriptor: Int32), Unavailable> {
        var template = Array("\(parent)/\(prefix)\(getpid())-XXXXXX".utf8CString)
        // `mkdtemp` makes it with mode 0700.
        guard mkdtemp(&template) != nil else { return .failure(Unavailable(problem: String(cString: strerror(errno)))) }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if let problem = problemOfMapping(in: path) {
            removeTree(path)
            return .failure(Unavailable(problem: problem))
        }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let problem = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            removeTree(path)
            return .failure(Unavailable(problem: problem))
        }
        return .success((path, descriptor))
    }

    /// Why code cannot be mapped from files in `folder`, usually because it is mounted `noexec`; `nil` if it can.
    private static func problemOfMapping(in folder: String) -> String? {
        let name = folder + "/probe"
        let descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer {
            close(descriptor)
            unlink(name)
        }
        let size = Int(sysconf(Int32(_SC_PAGESIZE)))
        guard ftruncate(descriptor, size) == 0 else { return String(cString: strerror(errno)) }
        guard let mapped = mmap(nil, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED
        else {
            return "code cannot be mapped from files there (\(String(cString: strerror(errno)))); is it mounted noexec?"
        }
        munmap(mapped, size)
        return nil
    }

    private static func isInMemory(_ folder: String) -> Bool {
        // Looked up with `dlsym`, because Swift's Glibc module has no `statfs`. The structure has 120 bytes and begins
        // with the file system's type as a word.
        typealias Statfs = @convention(c) (UnsafePointer<CChar>, UnsafeMutableRawPointer) -> Int32
        guard let symbol = dlsym(nil, "statfs") else { return false }
        return withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { status in
            guard let base = status.baseAddress, unsafeBitCast(symbol, to: Statfs.self)(folder, base) == 0 else {
                return false
            }
            let (tmpfs, ramfs) = (0x0102_1994, 0x8584_58F6)
            return [tmpfs, ramfs].contains(base.load(as: Int.self))
        }
    }

    // MARK: Removing

    private static func removeLeftovers(in parent: String) {
        var leftovers: [(path: String, time: Int)] = []
        for name in entries(of: parent) where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            if let time = timeOfLeftover(path) { leftovers.append((path, time)) }
        }
        for leftover in leftovers.sorted(by: { $0.time > $1.time }).dropFirst(keptLeftovers) {
            removeTree(leftover.path)
        }
    }

    /// When a folder was last changed, in seconds since 1970; `nil` if a process still uses it, or may be about to.
    private static func timeOfLeftover(_ path: String) -> Int? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(),
            time(nil) - status.st_mtim.tv_sec > minimumAge,
            flock(descriptor, LOCK_EX | LOCK_NB) == 0
        else { return nil }
        return status.st_mtim.tv_sec
    }

    /// Removes a folder, its files and links, and subfolders down to `depth`.
    private static func removeTree(_ path: String, depth: Int = 2) {
        for name in entries(of: path) {
            let entry = "\(path)/\(name)"
            if unlink(entry) != 0, depth > 1 { removeTree(entry, depth: depth - 1) }
        }
        rmdir(path)
    }

    /// The names in a folder; empty if it cannot be read.
    static func entries(of folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
