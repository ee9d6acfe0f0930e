import Glibc

/// A copy of a library that nobody else can change or replace, so that the bytes checked are the bytes loaded, and so
/// that the dynamic linker, which knows libraries by device and inode, takes each generation for a new one.
///
/// A file in ``ImageFolder``, named after the plugin and its generation. Without such a folder it is a file in memory,
/// which debuggers do not find.
struct PrivateCopy {
    /// What to give to `dlopen`.
    private(set) var path: String
    private let descriptor: Int32
    private let isFile: Bool
    private var isLoaded = false

    struct Failure: Error {
        let step: String
        let code: Int32
        var problem: String { "\(step): \(String(cString: strerror(code)))" }

        init(_ step: String) {
            self.step = step
            code = errno
        }
    }

    /// Copies what `source` is open on.
    ///
    /// - Parameter folder: `nil`: the copy is in memory.
    init(of source: Int32, named name: String, in folder: String?) throws(Failure) {
        if let folder {
            path = "\(folder)/\(name).so"
            descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o400)
            isFile = true
            guard descriptor >= 0 else { throw Failure("cannot make \(path)") }
        } else {
            // The name shows up in /proc/PID/maps.
            descriptor = Self.memoryFile("jackfield-\(name)")
            path = "/proc/self/fd/\(descriptor)"
            isFile = false
            guard descriptor >= 0 else { throw Failure("memfd_create") }
        }
        do throws(Failure) {
            try Self.copy(source, to: descriptor)
        } catch {
            discard()
            throw error
        }
    }

    /// Calls `body` with the bytes of the copy, mapped for the call.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) throws(Failure) -> Result {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Failure("fstat") }
        let size = Int(status.st_size)
        guard size > 0 else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        guard let mapped = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED else {
            throw Failure("mmap")
        }
        defer { munmap(mapped, size) }
        return body(UnsafeRawBufferPointer(start: mapped, count: size))
    }

    /// Moves the copy into a folder of its own, with links to the libraries in `original`'s folder: for one that looks
    /// for others beside itself (`$ORIGIN`), which the linker resolves from the path it is given.
    mutating func move(besideThoseOf original: String) throws(Failure) {
        guard isFile else { return }
        let folder = String(path.dropLast(3)), name = path.split(separator: "/").last.map(String.init) ?? ""
        guard mkdir(folder, 0o700) == 0 else { throw Failure("cannot make \(folder)") }
        let moved = "\(folder)/\(name)"
        guard rename(path, moved) == 0 else { throw Failure("cannot move the copy to \(moved)") }
        path = moved
        guard let source = realpath(Self.folder(of: original), nil) else {
            throw Failure("cannot find the folder of \(original)")
        }
        defer { free(source) }
        let beside = String(cString: source)
        for entry in ImageFolder.entries(of: beside) where entry.contains(".so") && entry != name {
            guard symlink("\(beside)/\(entry)", "\(folder)/\(entry)") == 0 else {
                throw Failure("cannot link to \(entry)")
            }
        }
    }

    /// The linker has taken it.
    ///
    /// The descriptor of a file in memory stays open: it is part of the name, and the linker takes a name that it has
    /// seen before for the library that it has loaded before.
    mutating func keep() {
        isLoaded = true
        if isFile { close(descriptor) }
    }

    /// It is of no use, unless the linker has taken it.
    func discard() {
        guard !isLoaded else { return }
        if isFile { unlink(path) }
        close(descriptor)
    }

    /// The folder of a path, with a slash at its end.
    static func folder(of path: String) -> String { path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./" }

    // MARK: Bytes

    /// Copies to the end, in the kernel if it can: file systems that share blocks then copy nothing.
    private static func copy(_ source: Int32, to target: Int32) throws(Failure) {
        if let copyRange {
            var count = 0
            var copied = 0
            repeat {
                copied = copyRange(source, nil, target, nil, 1 << 30, 0)
                count += max(0, copied)
            } while copied > 0 || (copied < 0 && errno == EINTR)
            if copied == 0, count > 0 { return }
            // Not between these file systems: nothing was copied, or it is copied once more.
            guard lseek(source, 0, SEEK_SET) == 0, lseek(target, 0, SEEK_SET) == 0, ftruncate(target, 0) == 0 else {
                throw Failure("lseek")
            }
        }
        try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { room throws(Failure) in
            while true {
                let count = read(source, room.baseAddress, room.count)
                if count == 0 { return }
                if count < 0 {
                    if errno == EINTR { continue }
                    throw Failure("cannot read it")
                }
                try write(UnsafeRawBufferPointer(rebasing: room[..<count]), to: target)
            }
        }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to target: Int32) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = Glibc.write(target, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                throw Failure("cannot write the copy")
            }
            rest = rest.dropFirst(written)
        }
    }

    // Found by name: Swift's Glibc module leaves out what only `_GNU_SOURCE` declares.

    private typealias CopyRange =
        @convention(c) (Int32, UnsafeMutablePointer<off_t>?, Int32, UnsafeMutablePointer<off_t>?, Int, UInt32) -> Int

    private static let copyRange: CopyRange? = dlsym(nil, "copy_file_range").map {
        unsafeBitCast($0, to: CopyRange.self)
    }

    private static func memoryFile(_ name: String) -> Int32 {
        typealias Create = @convention(c) (UnsafePointer<CChar>, UInt32) -> Int32
        guard let symbol = dlsym(nil, "memfd_create") else {
            errno = ENOSYS
            return -1
        }
        /// `MFD_CLOEXEC`.
        let closeOnExec: UInt32 = 1
        return unsafeBitCast(symbol, to: Create.self)(name, closeOnExec)
    }
}
