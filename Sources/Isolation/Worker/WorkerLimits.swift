/// What a worker process may use. `nil` leaves a limit as it is for the daemon.
public struct WorkerLimits: Sendable, Equatable {
    /// The longest core dump in bytes; 0: none.
    public var coreBytes: Int?
    public var openFiles: Int?
    /// Processes and threads of the worker's *user*, in all of its processes.
    public var processes: Int?
    /// Addresses in use. Go and AddressSanitizer reserve many more than they use, and fail with a low limit.
    public var addressBytes: Int?
    /// Runs the worker as this user and group, without other groups. Needs a daemon that runs as root.
    public var user: User?
    /// Refuses the system calls of `jf_syscall_filter_install` in CIsolation.
    public var seccomp = false
    /// By how much the worker's `oom_score_adj` is higher than the daemon's: when memory is short, the kernel ends a
    /// process with a higher one first. At most 1,000 together.
    public var outOfMemoryBias = 200

    public struct User: Sendable, Equatable {
        public let id: UInt32
        public let group: UInt32

        public init(id: UInt32, group: UInt32) {
            self.id = id
            self.group = group
        }
    }

    public init() {}
}
