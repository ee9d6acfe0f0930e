import Glibc
import PluginHost
import Support

/// The tests that read the file of a plugin. None of its code runs.
struct LibraryInspection: Sendable {
    private let path: String
    private let bytes: [UInt8]
    /// `nil` if the bytes are no library for this machine.
    private let library: LibraryFile?
    /// Why they are none.
    private let problem: String?

    /// Larger files are no plugins; the host refuses them, too.
    private static let largestFile = 1 << 30

    init(path: String) {
        self.path = path
        let (bytes, unreadable) = Self.read(path)
        self.bytes = bytes
        var (library, problem) = (LibraryFile?.none, unreadable)
        if problem == nil {
            bytes.withUnsafeBytes { bytes in
                do throws(ELFImage.Unsuitable) {
                    _ = try ELFImage(bytes)
                    library = LibraryFile(bytes)
                } catch {
                    problem = error.problem
                }
            }
        }
        (self.library, self.problem) = (library, problem)
    }

    /// Bytes that each load needs for itself.
    var writableBytes: Int { library?.writableBytes ?? 0 }
    var size: Int { bytes.count }

    private static func read(_ path: String) -> (bytes: [UInt8], problem: String?) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return ([], "cannot be opened: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return ([], "is no regular file")
        }
        guard status.st_size <= largestFile else { return ([], "is larger than \(largestFile) bytes") }
        var (bytes, used) = ([UInt8](repeating: 0, count: Int(status.st_size)), 0)
        while used < bytes.count {
            let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + used, $0.count - used) }
            guard count > 0 || count < 0 && errno == EINTR else { break }
            used += max(0, count)
        }
        return (Array(bytes.prefix(used)), nil)
    }

    // MARK: Tests

    func checkFile() -> [CheckFinding] {
        if let problem { return [CheckFinding(.failure, "the file \(problem)")] }
        return library?.defect.map { [CheckFinding(.failure, "the file is damaged: \($0)")] } ?? []
    }

    func checkEntry() -> [CheckFinding] {
        guard let library, !library.exports.contains("jf_plugin_main") else { return [] }
        return [
            CheckFinding(
                .failure, "it exports no function jf_plugin_main; it exports \(Self.list(library.exports, "nothing"))")
        ]
    }

    func checkExports() -> [CheckFinding] {
        let others = (library?.exports ?? []).filter { $0 != "jf_plugin_main" && !Self.isOfTheLinker($0) }
        guard !others.isEmpty else { return [] }
        return [
            CheckFinding(
                .warning,
                "it also exports \(Self.list(others)): a library that it loads, or that loads it, may use them for its own"
            )
        ]
    }

    /// Names that linkers define in every library.
    private static func isOfTheLinker(_ name: ByteString) -> Bool {
        ["_init", "_fini", "_edata", "_end", "__bss_start"].contains(name)
    }

    func checkNeeded() -> [CheckFinding] {
        switch LinkerReport.make(of: path) {
        case .failure(let problem): return [CheckFinding(.failure, problem.text)]
        case .success(let report):
            return report.missing.map {
                CheckFinding(.failure, "it needs \($0), which the dynamic linker does not find")
            }
        }
    }

    func checkSymbols() -> [CheckFinding] {
        switch LinkerReport.make(of: path) {
        case .failure(let problem): return [CheckFinding(.failure, problem.text)]
        case .success(let report):
            guard report.missing.isEmpty, !report.undefined.isEmpty else { return [] }
            return [
                CheckFinding(
                    .failure,
                    "it uses \(Self.list(report.undefined)), which neither it nor a library that it needs defines")
            ]
        }
    }

    /// Functions that section 2 of the header forbids, and why.
    private static let forbidden: [(name: ByteString, reason: String)] =
        ["exit", "_exit", "_Exit", "quick_exit"].map { ($0, "it would end the host") }
        + ["setlocale", "setenv", "unsetenv", "putenv", "clearenv", "chdir", "fchdir", "umask"].map {
            ($0, "it would change the whole process")
        }
        + ["fork", "vfork", "daemon"].map { ($0, "without exec, the child has locks that nobody releases") }
        + ["signal", "sigaction", "sigset", "bsd_signal", "sysv_signal"].map {
            ($0, "the host's signals are not the plugin's")
        }

    func checkForbidden() -> [CheckFinding] {
        guard let library else { return [] }
        return Self.forbidden.filter { entry in library.imports.contains { $0.name == entry.name } }.map {
            CheckFinding(.warning, "it uses \($0.name): \($0.reason)")
        }
    }

    func checkStack() -> [CheckFinding] {
        switch library?.stack {
        case .executable: [CheckFinding(.failure, "it is marked to need an executable stack")]
        case .unmarked:
            [CheckFinding(.failure, "it has no PT_GNU_STACK, so the linker makes the stacks executable")]
        case .plain, nil: []
        }
    }

    func checkRelocations() -> [CheckFinding] {
        guard library?.hasTextRelocations == true else { return [] }
        return [
            CheckFinding(
                .failure, "it has text relocations: its code must be writable while it is loaded, and is not shared")
        ]
    }

    func checkDebug() -> [CheckFinding] {
        guard let library else { return [] }
        var findings: [CheckFinding] = []
        if library.buildID.isEmpty {
            findings.append(CheckFinding(.warning, "it has no build-id: a core dump does not say which build it is of"))
        } else {
            let digits = library.buildID.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            findings.append(CheckFinding(.note, "build-id \(digits)"))
        }
        findings.append(
            CheckFinding(.note, library.hasDebugInfo ? "it has debug information" : "it has no debug information"))
        return findings
    }

    func checkSearchPath() -> [CheckFinding] {
        (library?.searchPaths ?? []).flatMap { path in
            path.folders.text.split(separator: ":", omittingEmptySubsequences: false).compactMap { folder in
                Self.problem(ofFolder: String(folder)).map {
                    CheckFinding(
                        $0.severity, "its \(path.isRunPath ? "RUNPATH" : "RPATH") has '\(folder)', which \($0.text)")
                }
            }
        }
    }

    private static func problem(ofFolder folder: String) -> CheckFinding? {
        guard !folder.hasPrefix("$ORIGIN"), !folder.hasPrefix("${ORIGIN}") else { return nil }
        guard folder.hasPrefix("/") else {
            return CheckFinding(.failure, "begins at the host's working directory, wherever that is")
        }
        // The folder, or the first one above it that exists, decides who can put a library there.
        var (path, status) = (folder, stat())
        while stat(path, &status) != 0, path.count > 1 {
            path = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
            if path.isEmpty { path = "/" }
        }
        guard status.st_mode & S_IWOTH == 0 else {
            return CheckFinding(.failure, "every user of the machine can fill: \(path) is writable for all")
        }
        return CheckFinding(.warning, "is absolute: on another machine it may not exist, or hold something else")
    }

    /// The first names, and how many there are.
    private static func list(_ names: [ByteString], _ none: String = "") -> String {
        guard !names.isEmpty else { return none }
        let shown = names.prefix(8).map { $0.text.cut(to: 80) }.joined(separator: ", ")
        return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
    }
}
