import Glibc

/// A copy of a library that no other process can change or replace, so that the bytes that were checked are the bytes
/// that are loaded. The dynamic linker identifies libraries by device and inode, so it treats each copy as a new
/// library.
///
/// A file in ``ImageFolder``, named after the plugin and its generation. Without such a folder it is a file in memory,
/// which debuggers do not find.
struct PrivateCopy {
    /// The path for `dlopen`.
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

    /// Copies the file that `source` is open on.
    ///
    /// - Parameter folder: the folder for the copy; `nil`: the copy is in memory.
    init(of source: Int32, named name: String, in folder: String?) throws(Failure) {
        if let folder {
            path = "\(folder)/\(name).so"
            descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o400)
            isFile = true
            guard descriptor >= 0 else { throw Failure("cannot make \(path)") }
        } else {
            // The name is shown in /proc/PID/maps.
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

    /// Moves the copy into a folder of its own, with links to the libraries in `original`'s folder. For a library that
    /// uses `$ORIGIN`, which the linker resolves from the path it is given.
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

    /// Marks the copy as loaded by the linker.
    ///
    /// The descriptor of a file in memory stays open: its number is part of the path, and the linker treats a path that
    /// it has loaded before as the same library.
    mutating func keep() {
        isLoaded = true
        if isFile { close(descriptor) }
    }

    /// Removes the copy, unless the linker has loaded it.
    func discard() {
        guard !isLoaded else { return }
        if isFile { unlink(path) }
        close(descriptor)
    }

    /// The folder of a path, with a slash at its end.
    static func folder(of path: String) -> String { path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./" }

    // MARK: Bytes

    /// Copies the whole file, in the kernel if possible: file systems that share blocks then copy nothing.
    private static func copy(_ source: Int32, to target: Int32) throws(Failure) {
        if let copyRange {
            var count = 0
            var copied = 0
            repeat {
                copied = copyRange(source, nil, target, nil, 1 << 30, 0)
                count += max(0, copied)
            } while copied > 0 || (copied < 0 && errno == EINTR)
            if copied == 0, count > 0 { return }
            // `copy_file_range` does not work between these file systems or has failed: start again with `read` and
            // `write`.
            guard lseek(source, 0, SEEK_SET) == 0, lseek(target, 0, SEEK_SET) == 0, ftruncate(target, 0) == 0 else {
                throw Failure("lseek")
            }
        }
        try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer throws(Failure) in
            while true {
                let count = read(source, buffer.baseAddress, buffer.count)
                if count == 0 { return }
                if count < 0 {
                    if errno == EINTR { continue }
                    throw Failure("cannot read it")
                }
                try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: target)
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

    // Looked up with `dlsym`, because Swift's Glibc module omits what only `_GNU_SOURCE` declares.

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
