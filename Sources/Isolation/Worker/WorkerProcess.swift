import CIsolation
import Glibc
import Support
import Synchronization

/// A process that runs one plugin apart from the daemon.
///
/// It ends with the daemon, at the latest: the kernel sends it SIGKILL then. When it ends, so do the processes that it
/// has started, unless they have left its process group.
///
/// All functions: any thread.
///
/// `@unchecked Sendable`: `output` and its budget are touched on ``WorkerThread`` only; `isRunning` has a lock.
public final class WorkerProcess: @unchecked Sendable {
    /// What to start.
    public struct Settings: Sendable {
        /// The worker's executable.
        public var executable: String
        /// Without the name of the program.
        public var arguments: [String]
        /// `NAME=value`; `nil`: the daemon's environment.
        public var environment: [String]?
        /// Of the plugin: `ps` shows `jackfield: plugin NAME`.
        public var name: String
        /// The working folder. It is made if it is missing, for the worker's user alone; the folder above must exist.
        public var folder: String
        public var limits: WorkerLimits

        public init(
            executable: String = "/proc/self/exe", arguments: [String], environment: [String]? = nil, name: String,
            folder: String, limits: WorkerLimits = WorkerLimits()
        ) {
            self.executable = executable
            self.arguments = arguments
            self.environment = environment
            self.name = name
            self.folder = folder
            self.limits = limits
        }
    }

    /// How a process ended.
    public enum Exit: Sendable, Equatable, CustomStringConvertible {
        case exited(code: Int32)
        case signalled(number: Int32, dumpedCore: Bool)
        /// Other code of the daemon's process has waited for it.
        case unknown

        public var description: String {
            switch self {
            case .exited(let code): "exited with code \(code)"
            case .signalled(let number, let dumpedCore):
                "ended by signal \(number) (\(String(cString: strsignal(number)))\(dumpedCore ? ", core dumped" : ""))"
            case .unknown: "ended, its exit status is unknown"
            }
        }
    }

    /// The process id, which is that of its process group, too.
    public let pid: Int32
    /// When it was started, in ``Clock/monotonicNanoseconds``.
    public let startTime: Int64

    /// Becomes readable when the process ends.
    private let pidDescriptor: Int32
    private let outputDescriptor: Int32
    private let onOutput: @Sendable (String) -> Void
    private let onExit: @Sendable (Exit) -> Void
    /// As long as it is true, the process id belongs to this process.
    private let isRunning = Mutex(true)
    private var output = WorkerOutput()
    private var outputSecond: Int64 = 0
    private var outputBytes = 0

    /// Bytes of output that are read in each second. A worker that writes more has to wait.
    private static let outputBytesPerSecond = 1 << 20

    /// Starts a process.
    ///
    /// - Parameters:
    ///   - channel: the worker gets its descriptor; see ``adoptChannel(name:_:)``.
    ///   - onOutput: gets each line of its standard output and standard error, limited in length and number.
    ///   - onExit: is called once, after the last call of `onOutput`. Both are called on one thread that serves all
    ///     workers, so they must be short.
    public static func start(
        _ settings: Settings, channel: SharedChannel, onOutput: @escaping @Sendable (String) -> Void,
        onExit: @escaping @Sendable (Exit) -> Void
    ) throws(WorkerStartError) -> WorkerProcess {
        try WorkerThread.shared.perform {
            Result { () throws(WorkerStartError) in
                try WorkerProcess(settings, channel, onOutput, onExit)
            }
        }.get()
    }

    /// On ``WorkerThread``.
    private init(
        _ settings: Settings, _ channel: SharedChannel, _ onOutput: @escaping @Sendable (String) -> Void,
        _ onExit: @escaping @Sendable (Exit) -> Void
    ) throws(WorkerStartError) {
        try WorkerFolder.make(settings.folder, for: settings.limits.user)
        var reader: Int32 = -1
        var writer: Int32 = -1
        let code = jf_pipe_open(&reader, &writer)
        guard code == 0 else { throw WorkerStartError("opening a pipe", code) }
        defer { close(writer) }
        let started = Self.launch(settings, channel: channel.descriptor, output: writer)
        guard started.code == 0 else {
            close(reader)
            throw WorkerStartError("\(String(cString: started.step)) (\(settings.executable))", started.code)
        }
        pid = started.process
        startTime = Clock.monotonicNanoseconds
        pidDescriptor = started.descriptor
        outputDescriptor = reader
        self.onOutput = onOutput
        self.onExit = onExit
        WorkerThread.shared.watch(outputDescriptor) { self.readOutput() }
        WorkerThread.shared.watch(pidDescriptor) { self.end() }
    }

    private static func launch(_ settings: Settings, channel: Int32, output: Int32) -> jf_worker_started {
        let inherited = settings.environment ?? Self.environment
        // A plugin has no use for the key with which tokens are signed.
        let ownVariables = [hostVariable, folderVariable, "JWT_SECRET"]
        var environment = inherited.filter { text in !ownVariables.contains { text.hasPrefix("\($0)=") } }
        environment.append("\(hostVariable)=\(getpid())")
        // The line about a crash is enough for the log; Swift's report has a hundred. To get it, set the variable.
        if getenv("SWIFT_BACKTRACE") == nil { environment.append("SWIFT_BACKTRACE=enable=no") }
        if let folder = getcwd(nil, 0) {
            environment.append("\(folderVariable)=\(String(cString: folder))")
            free(folder)
        }
        let limits = settings.limits
        return withCStrings(["jackfield: plugin \(settings.name)"] + settings.arguments) { arguments in
            withCStrings(environment) { environment in
                settings.executable.withCString { executable in
                    settings.folder.withCString { folder in
                        var values = jf_worker_settings(
                            executable: executable, arguments: arguments, environment: environment, folder: folder,
                            channel: channel, output: output, core_bytes: Int64(limits.coreBytes ?? -1),
                            open_files: Int64(limits.openFiles ?? -1), processes: Int64(limits.processes ?? -1),
                            address_bytes: Int64(limits.addressBytes ?? -1),
                            oom_bias: Int32(clamping: max(0, limits.outOfMemoryBias)),
                            has_user: limits.user == nil ? 0 : 1, user: limits.user?.id ?? 0,
                            group: limits.user?.group ?? 0, has_filter: limits.seccomp ? 1 : 0)
                        var result = jf_worker_started()
                        jf_worker_start(&values, &result)
                        return result
                    }
                }
            }
        }
    }

    /// Names this process's working folder to the worker, which has another one; the header promises this name.
    private static let folderVariable = "JACKFIELD_FOLDER"

    /// The environment of this process. Swift's standard library has no access to it without Foundation.
    private static var environment: [String] {
        var result: [String] = []
        var next = environ
        while let text = next.pointee {
            result.append(String(cString: text))
            next += 1
        }
        return result
    }

    /// Calls a closure with an array of C strings that ends with `nil`.
    private static func withCStrings<Value>(
        _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
    ) -> Value {
        var copies = texts.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return copies.withUnsafeMutableBufferPointer { body(UnsafePointer($0.baseAddress!)) }
    }

    // MARK: While it runs

    /// Sends SIGKILL to the process and to its process group. Does nothing after its end.
    public func kill() {
        isRunning.withLock { isRunning in if isRunning { jf_worker_kill(pid) } }
    }

    /// The memory that it uses (resident) in bytes; `nil` after its end.
    public var memoryBytes: Int? {
        isRunning.withLock { isRunning in
            guard isRunning else { return nil }
            let bytes = jf_worker_resident_bytes(pid)
            return bytes < 0 ? nil : Int(bytes)
        }
    }

    // MARK: On the thread of the workers

    private func readOutput() {
        let now = Clock.monotonicNanoseconds
        let second = now / 1_000_000_000
        if second != outputSecond {
            outputSecond = second
            outputBytes = 0
        }
        guard outputBytes < Self.outputBytesPerSecond else {
            WorkerThread.shared.pause(outputDescriptor, until: (second + 1) * 1_000_000_000)
            return
        }
        // At the end of the file there is nothing to wait for any more.
        if !readOutputOnce(now) { WorkerThread.shared.unwatch(outputDescriptor) }
    }

    /// Returns false at the end of the file.
    private func readOutputOnce(_ now: Int64) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 1) { buffer in
            let count = read(outputDescriptor, buffer.baseAddress, buffer.count)
            guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
            outputBytes += count
            output.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), now: now, log: onOutput)
            return true
        }
    }

    /// The process has ended: ends its group, reads its last output, and frees its id.
    private func end() {
        WorkerThread.shared.unwatch(pidDescriptor)
        WorkerThread.shared.unwatch(outputDescriptor)
        var status: Int32 = 0
        let kind = isRunning.withLock { isRunning in
            isRunning = false
            // Its id stays reserved until it has been waited for.
            jf_worker_kill(pid)
            return jf_worker_wait(pid, &status)
        }
        readLastOutput()
        close(pidDescriptor)
        close(outputDescriptor)
        switch kind {
        case 0: onExit(.exited(code: status))
        case 1, 2: onExit(.signalled(number: status, dumpedCore: kind == 2))
        default: onExit(.unknown)
        }
    }

    private func readLastOutput() {
        let now = Clock.monotonicNanoseconds
        outputBytes = 0
        var before = -1
        while outputBytes < Self.outputBytesPerSecond, outputBytes != before {
            before = outputBytes
            guard readOutputOnce(now) else { break }
        }
        output.finish(now: now, log: onOutput)
    }

    // MARK: The worker's side

    /// The environment variable that holds the process id of the host.
    static let hostVariable = "JACKFIELD_HOST_PROCESS"

    /// For the worker process, at its start: attaches to the channel of the host that has started it.
    ///
    /// - Parameter name: of the plugin; `top` shows 15 bytes of it.
    public static func adoptChannel(
        name: String, _ options: SharedChannel.Options = SharedChannel.Options()
    ) throws(ChannelError) -> SharedChannel {
        guard let text = getenv(hostVariable), let host = Int32(String(cString: text)) else {
            throw ChannelError("this command is started by 'jackfield serve' only: \(hostVariable) is not set")
        }
        unsetenv(hostVariable)
        guard jf_worker_adopt(host, name) == 0 else {
            throw ChannelError("the host, process \(host), has ended")
        }
        // Processes that the plugin starts do not inherit the channel.
        let descriptor = Int32(JF_WORKER_CHANNEL)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return try SharedChannel(attaching: descriptor, options)
    }
}

/// Why a worker process could not be started.
public struct WorkerStartError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }

    /// - Parameter code: an errno.
    init(_ step: String, _ code: Int32) {
        description = "\(step): \(String(cString: strerror(code)))"
    }
}

/// The working folder of a worker.
enum WorkerFolder {
    /// Makes the folder for one user alone, or checks that it is such a folder.
    static func make(_ path: String, for user: WorkerLimits.User?) throws(WorkerStartError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw WorkerStartError("making the working folder \(path)", errno)
        }
        // Not through a symbolic link: a worker that ran before could have replaced the folder.
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { throw WorkerStartError("opening the working folder \(path)", errno) }
        defer { close(folder) }
        var status = stat()
        guard fstat(folder, &status) == 0 else { throw WorkerStartError("reading the working folder \(path)", errno) }
        if let user, (status.st_uid, status.st_gid) != (user.id, user.group), fchown(folder, user.id, user.group) != 0 {
            throw WorkerStartError("giving the working folder \(path) to user \(user.id)", errno)
        }
        if status.st_mode & 0o777 != 0o700, fchmod(folder, 0o700) != 0 {
            throw WorkerStartError("making the working folder \(path) private", errno)
        }
    }
}
