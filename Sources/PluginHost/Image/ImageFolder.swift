import Glibc

/// The folder that holds the private copies of this process's plugins, so that debuggers, profilers and crash lines
/// find a file where a plugin is mapped.
///
/// It is made at the first load, readable by its owner only, and removed when the host stops. A process that crashed
/// leaves its folder, which keeps the files for whoever reads the core dump until the next host starts. The lock that a
/// living process holds on its folder tells it from one that was left.
final class ImageFolder: Sendable {
    let path: String
    /// Holds the lock; closed by the kernel when the process ends, however it ends.
    private let descriptor: Int32

    /// Why there is no folder: each candidate and what was wrong with it.
    struct Unavailable: Error {
        let problem: String
    }

    private static let prefix = "jackfield-images-"
    /// A folder younger than this, in seconds, may belong to a process that has not locked it yet.
    private static let youth = 60

    /// Where copies may go, best first. Temporary folders come before `XDG_RUNTIME_DIR`, which is always in memory.
    static var candidates: [String] {
        ["TMPDIR", nil, nil, "XDG_RUNTIME_DIR"].enumerated().compactMap { index, variable in
            guard let variable else { return index == 1 ? "/tmp" : "/var/tmp" }
            return getenv(variable).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
    }

    /// Removes what dead processes left in `candidates`, and makes a folder in the first of them that is on a disk,
    /// else in the first that is in memory.
    init(in candidates: [String]) throws(Unavailable) {
        var problems: [String] = []
        for candidate in candidates { Self.removeLeftovers(in: candidate) }
        for candidate in candidates.filter({ !Self.isInMemory($0) }) + candidates.filter(Self.isInMemory) {
            switch Self.make(in: candidate) {
            case .success(let made):
                (path, descriptor) = made
                return
            case .failure(let error): problems.append("\(candidate): \(error.problem)")
            }
        }
        throw Unavailable(problem: problems.isEmpty ? "there is no candidate" : problems.joined(separator: "; "))
    }

    /// Removes the folder. What is mapped stays mapped.
    func remove() {
        Self.removeTree(path)
        close(descriptor)
    }

    // MARK: Making

    private static func make(in parent: String) -> Result<(path: String, descriptor: Int32), Unavailable> {
        var template = Array("\(parent)/\(prefix)\(getpid())-XXXXXX".utf8CString)
        // Mode 0700.
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

    /// Why code cannot be mapped from files in `folder`, most often because it is mounted `noexec`; `nil`: it can.
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
        // Found by name: Swift's Glibc module has no `statfs`. Its structure has 120 bytes and begins
        // with the type as a word.
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
        for name in entries(of: parent) where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(),
                time(nil) - status.st_mtim.tv_sec > youth,
                flock(descriptor, LOCK_EX | LOCK_NB) == 0
            else { continue }
            removeTree(path)
        }
    }

    /// Removes a folder of files, links, and folders of these.
    private static func removeTree(_ path: String, depth: Int = 2) {
        for name in entries(of: path) {
            let entry = "\(path)/\(name)"
            if unlink(entry) != 0, depth > 1 { removeTree(entry, depth: depth - 1) }
        }
        rmdir(path)
    }

    /// Names in a folder; none if it cannot be read.
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
