import Glibc

/// A copy of a library that nobody else can change or replace, so that the bytes checked are the bytes loaded, and so that the dynamic
/// linker, which knows libraries by device and inode, takes each generation for a new one.
///
/// It is a file in memory. A library that brings others along beside itself (`$ORIGIN`) is copied next to itself instead, because the
/// linker resolves `$ORIGIN` from the name it was given; that file is removed as soon as it is loaded.
struct PrivateCopy {
    /// What to give to `dlopen`.
    let path: String
    private let descriptor: Int32
    private let isFile: Bool

    init(of bytes: [UInt8], from original: String, name: String, besideOriginal: Bool) throws(Failure) {
        let beside = besideOriginal ? Self.fileBeside(original) : nil
        // The name shows up in /proc/PID/maps and in backtraces.
        let descriptor = beside?.descriptor ?? Self.memoryFile("jackfield-\(name)")
        guard descriptor >= 0 else { throw Failure(step: "memfd_create", code: errno) }
        if let failure = Self.write(bytes, to: descriptor) {
            if let beside { unlink(beside.path) }
            close(descriptor)
            throw failure
        }
        self.path = beside?.path ?? "/proc/self/fd/\(descriptor)"
        self.descriptor = descriptor
        self.isFile = beside != nil
    }

    /// The copy was given to the linker, and its name has done its service.
    ///
    /// The descriptor of a file in memory that was loaded stays open: it is part of the name, and the linker takes a name that it has seen before
    /// for the library that it has loaded before. Debuggers find the image through it, too.
    func finish(isLoaded: Bool) {
        if isFile { unlink(path) }
        if isFile || !isLoaded { close(descriptor) }
    }

    struct Failure: Error {
        let step: String
        let code: Int32
        var problem: String { "could not make a private copy of it: \(step): \(String(cString: strerror(code)))" }
    }

    /// `memfd_create`, found by name: Swift's Glibc module leaves out what only `_GNU_SOURCE` declares.
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

    private static func fileBeside(_ original: String) -> (path: String, descriptor: Int32)? {
        let folder = original.lastIndex(of: "/").map { String(original[...$0]) } ?? "./"
        var template = Array("\(folder).jackfield-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return (String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self), descriptor)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Failure? {
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0 {
                    if errno == EINTR { continue }
                    return Failure(step: "write", code: errno)
                }
                rest = rest.dropFirst(written)
            }
            return nil
        }
    }
}
